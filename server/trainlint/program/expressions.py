"""Expressions to values; calls in them leave their effects behind."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import replace
from functools import reduce

from . import calls, conditions, configuration_files, grad_mode, operations
from .effects import Block, Branch, Forget, Loop, Read
from .frameworks.table import TENSOR_METHODS
from .iteration import iterate
from .machine import Machine
from .scope import ClassInfo, Frame
from .things import (
    NONE,
    UNKNOWN,
    Choice,
    ClassValue,
    Constant,
    Counter,
    External,
    FileValue,
    Function,
    Generator,
    Gradient,
    Loaded,
    Many,
    Mapping,
    Method,
    ModuleValue,
    Modulo,
    Parameters,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
    as_tensor,
    join,
    mix,
    options,
)
from .vocabulary import DESCRIPTIONS, KNOWN_METHODS, UNMISTAKABLE, holds_gradients

_ARITHMETIC: dict[type[ast.operator], Callable[[object, object], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floordiv",
    ast.Mod: "remainder",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
}


def evaluate(m: Machine, node: ast.expr | None) -> Value:
    """The value of an expression. What it does on the way is emitted into the current block."""
    if node is None:
        return Constant(None)
    handler = _HANDLERS.get(type(node))
    return handler(m, node) if handler else UNKNOWN


def consume(m: Machine, node: ast.AST, value: Value) -> Value:
    """`value` as an operand: a gradient that is used this way has been read, unless it is only shown."""
    if isinstance(value, Gradient):
        if not m.looking:
            m.emit_effect(Read, node, value.of)
        return Tensor()
    return value


def _constant(m: Machine, node: ast.Constant) -> Value:
    return Constant(node.value)


def _name(m: Machine, node: ast.Name) -> Value:
    value = m.lookup(node.id)
    if value is not None:
        return value
    if node.id == "__file__" and m.importer is not None:
        return FileValue(m.importer.here)
    builtin = calls.builtin(node.id)
    if builtin is not None:
        return builtin
    key = ("global", node.id, m.frame.module)
    thing = m.things.get(key)
    if thing is None:
        thing = m.things[key] = Thing(node.id)
    return thing


def _attribute(m: Machine, node: ast.Attribute) -> Value:
    return attribute(m, node, evaluate(m, node.value), node.attr)


def attribute(m: Machine, node: ast.expr, holder: Value, name: str) -> Value:
    """`holder.name`."""
    if isinstance(holder, External):
        return External(f"{holder.name}.{name}")
    if isinstance(holder, ModuleValue) and m.importer is not None:
        return m.importer.attribute(holder, name)
    if isinstance(holder, Loaded):
        return configuration_files.entry(m, holder, name) or Method(holder, name)
    if isinstance(holder, FileValue):
        return configuration_files.path_attribute(holder, name) or Method(holder, name)
    if isinstance(holder, Choice):
        if name in KNOWN_METHODS and not any(calls.in_sight_method(option, name) for option in holder.options):
            return Method(holder, name)
        result: Value = UNKNOWN
        for option in holder.options:
            result = join(result, attribute(m, node, option, name))
        return result
    if isinstance(holder, Thing):
        return _thing_attribute(m, node, holder, name)
    if isinstance(holder, ClassValue):
        found = holder.info.find(name)
        return Function(found[1], found[0].frame) if found else _class_constant(m, holder.info, name) or UNKNOWN
    if isinstance(holder, Tensor):
        if name == "grad":
            return Gradient(Parameters(holder.sources, holder.opaque or not holder.sources))
        if name == "data":
            return Tensor(origin=operations.compute(m, node, name, (holder,), cuts=True))
        if name in ("values", "indices") and operations.has_indices(holder.origin):
            return _of_pair(m, node, holder, name)
        if name == "requires_grad":
            return Constant(False) if grad_mode.without_graph(holder) else UNKNOWN
        return Tensor() if name in DESCRIPTIONS else Method(holder, name)
    if isinstance(holder, Parameters):
        if holds_gradients(name):
            return Gradient(holder.kept)
        if name == "data":
            return replace(holder.kept, detached=True)
        return holder.kept if name == "T" else Method(holder, name)
    if isinstance(holder, Gradient) and name in ("data", "T"):
        return holder
    return Method(holder, name)


def _thing_attribute(m: Machine, node: ast.expr, holder: Thing, name: str) -> Value:
    known = m.store.get((holder, name))
    if known is not None and known != NONE:
        return known
    if holder.cls is not None:
        found = holder.cls.find(name)
        if found is not None:
            function = Function(found[1], found[0].frame)
            kinds = {decorator.id for decorator in found[1].decorator_list if isinstance(decorator, ast.Name)}
            if kinds & {"property", "cached_property"}:
                return calls.apply(m, node, function.bind(holder), [], {}, used=True)
            function = calls.decorated(m, function)
            return function if "staticmethod" in kinds else function.bind(holder)
        constant = _class_constant(m, holder.cls, name)
        if constant is not None:
            return constant
        assigned = calls.assigned_elsewhere(m, holder, name)
        if assigned is not None:
            return assigned
    if known is not None:
        return known
    if name == "grad":
        return Gradient(Parameters(frozenset({holder}), opaque=True))
    if name == "param_groups":
        holder.uses.add(name)
        return Parameters(frozenset({holder}))
    if name == "data" and holder.role is not Role.INSTANCE:
        return Tensor(origin=operations.compute(m, node, name, (holder,), cuts=True))
    if name in ("values", "indices") and operations.has_indices(holder.made_by):
        return _of_pair(m, node, Tensor(holder.carries, holder.opaque, origin=holder.made_by), name)
    if name in DESCRIPTIONS and holder.role in (None, Role.LEAF):
        said = m.part(holder, name)
        said.data = True
        return said
    computed = holder.made_by is not None or holder.data
    if name in KNOWN_METHODS or (holder.role is None and name in (TENSOR_METHODS if computed else UNMISTAKABLE)):
        return Method(holder, name)
    if holder.role is Role.LEAF and name in TENSOR_METHODS:
        return Method(holder, name)
    part = m.part(holder, name)
    annotated = holder.cls.annotation(name) if holder.cls is not None else None
    if annotated is not None:
        calls.declare(m, part, annotated[1])
    return part


def _of_pair(m: Machine, node: ast.expr, holder: Tensor, name: str) -> Tensor:
    """The values of a maximum and the like, or the places where they were found, which have no graph."""
    if name == "indices":
        return Tensor(origin=operations.compute(m, node, name, (holder,), cuts=True))
    return operations.computed(m, holder, operations.compute(m, node, "getitem", (holder, Constant(0))))


def _class_constant(m: Machine, info: ClassInfo, name: str) -> Value | None:
    """What the class body, or code that sets it later, gives an attribute of the class."""
    for one in info.lineage():
        assigned = m.store.get((one, name))
        if assigned is not None:
            return assigned
        if name in one.constants:
            return evaluate(m, one.constants[name])
    return None


def _subscript(m: Machine, node: ast.Subscript) -> Value:
    holder = evaluate(m, node.value)
    index = evaluate(m, node.slice)
    if isinstance(holder, Thing) and holder.role is Role.LEAF:
        return operations.computed(m, as_tensor(holder), operations.compute(m, node, "getitem", (holder, index)))
    if isinstance(holder, Tensor):
        return holder.by(operations.compute(m, node, "getitem", (holder, index)))
    return item(m, holder, index)


def item(m: Machine, holder: Value, index: Value) -> Value:
    """`holder[index]`."""
    if isinstance(holder, Loaded):
        return configuration_files.item(m, holder, index)
    key = index.value if isinstance(index, Constant) else None
    if isinstance(holder, Sequence) and isinstance(key, int) and -len(holder.items) <= key < len(holder.items):
        return holder.items[key]
    if isinstance(holder, (Sequence, Many)):
        return item_of(holder)
    if isinstance(holder, Mapping):
        for known, value in holder.items:
            if known == key:
                return value
        return item_of(Sequence(tuple(value for _, value in holder.items)))
    if isinstance(holder, Tensor):
        return holder.by(operations.compute(m, m.statement, "getitem", (holder, index)))
    if isinstance(holder, Parameters):
        return holder.some
    if isinstance(holder, Gradient):
        return holder
    if isinstance(holder, Choice):
        result: Value = UNKNOWN
        for option in holder.options:
            result = join(result, item(m, option, index))
        return result
    if isinstance(holder, Thing):
        return m.store.get((holder, f"[{key!r}]")) or m.part(holder, f"[{key!r}]" if key is not None else "[]")
    return UNKNOWN


def item_of(collection: Sequence | Many) -> Value:
    """Any one member of a collection."""
    if isinstance(collection, Many):
        return collection.element
    merged: Value = UNKNOWN
    for member in collection.items:
        merged = join(merged, member)
    return merged


def _call(m: Machine, node: ast.Call) -> Value:
    return calls.call(m, node, used=not (isinstance(m.statement, ast.Expr) and m.statement.value is node))


def _binary(m: Machine, node: ast.BinOp) -> Value:
    left = consume(m, node, evaluate(m, node.left))
    right = consume(m, node, evaluate(m, node.right))
    if isinstance(left, FileValue) and isinstance(node.op, ast.Div):
        return configuration_files.divided(left, right) or UNKNOWN
    return binary(m, node, node.op, left, right)


def binary(m: Machine, node: ast.AST, kind: ast.operator, left: Value, right: Value) -> Value:
    """The value of an arithmetic operation."""
    if isinstance(left, Constant) and isinstance(right, Constant):
        apply = _ARITHMETIC.get(type(kind))
        numbers = (int, float, str)
        if apply is None or not isinstance(left.value, numbers) or not isinstance(right.value, numbers):
            return UNKNOWN
        if isinstance(kind, (ast.Pow, ast.Mult)) and max(len(str(left.value)), len(str(right.value))) > 18:
            return UNKNOWN
        if isinstance(kind, ast.Pow) and isinstance(right.value, (int, float)) and abs(right.value) > 64:
            return UNKNOWN
        try:
            return Constant(apply(left.value, right.value))
        except (ArithmeticError, TypeError, ValueError):
            return UNKNOWN
    if isinstance(left, Counter):
        if isinstance(right, Constant) and isinstance(right.value, int):
            if isinstance(kind, ast.Add):
                return Counter(left.name, left.offset + right.value)
            if isinstance(kind, ast.Sub):
                return Counter(left.name, left.offset - right.value)
        if isinstance(kind, ast.Mod):
            modulus = conditions.modulus(right)
            written = node.right if isinstance(node, ast.BinOp) else None
            return Modulo(left.name, left.offset, modulus, written) if modulus is not None else UNKNOWN
        return UNKNOWN
    if isinstance(right, Counter) and isinstance(left, Constant) and isinstance(left.value, int) and isinstance(kind, ast.Add):
        return Counter(right.name, right.offset + left.value)
    if isinstance(left, Sequence) and isinstance(right, Sequence) and isinstance(kind, ast.Add):
        return Sequence(left.items + right.items)
    if isinstance(kind, ast.Mult):
        for side in (left, right):
            if isinstance(side, (Sequence, Many)):
                return Many(item_of(side))
    if isinstance(left, Parameters) or isinstance(right, Parameters):
        parts = [value for value in (left, right) if isinstance(value, Parameters)]
        if len(parts) == 2 or isinstance(kind, ast.Add):
            whole = Parameters.union(parts)
            return whole if len(parts) == 2 else replace(whole, opaque=True)
    if isinstance(left, (Modulo, Constant)) and isinstance(right, (Modulo, Constant)):
        return UNKNOWN
    return operations.computed(m, mix((left, right)), operations.compute(m, node, _OPERATORS[type(kind)], (left, right)))


def _unary(m: Machine, node: ast.UnaryOp) -> Value:
    value = consume(m, node, evaluate(m, node.operand))
    if isinstance(value, Constant):
        if isinstance(node.op, ast.USub) and isinstance(value.value, (int, float)):
            return Constant(-value.value)
        return Constant(not value.value) if isinstance(node.op, ast.Not) else UNKNOWN
    if isinstance(node.op, ast.Not):
        return UNKNOWN
    return operations.computed(m, mix((value,)), operations.compute(m, node, "neg", (value,)))


def _boolean(m: Machine, node: ast.BoolOp) -> Value:
    """The later operands run only when the earlier ones let them."""
    result = evaluate(m, node.values[0])
    for later in node.values[1:]:
        outer, base = m.block, m.store
        m.block, m.store = Block(), base.fork()
        value = evaluate(m, later)
        body, changes = m.block, m.store.changes_since(base)
        m.block, m.store = outer, base
        base.join([changes, {}])
        if body.items:
            m.emit(Branch(conditions.FRESH, body, Block()))
        result = join(result, value)
    return result


def _compare(m: Machine, node: ast.Compare) -> Value:
    operands = [evaluate(m, operand) for operand in (node.left, *node.comparators)]
    return Tensor(origin=operations.compute(m, node, "compare", operands, cuts=True))


def _tuple(m: Machine, node: ast.Tuple | ast.List | ast.Set) -> Value:
    items: list[Value] = []
    for element in node.elts:
        if isinstance(element, ast.Starred):
            value = evaluate(m, element.value)
            calls.exhaust(m, element, value)
            value = value.kept if isinstance(value, Parameters) else value
            items.extend(value.items if isinstance(value, Sequence) else [value])
        else:
            items.append(consume(m, element, evaluate(m, element)))
    return Sequence(tuple(items))


def _dict(m: Machine, node: ast.Dict) -> Value:
    items: list[tuple[object, Value]] = []
    for key, element in zip(node.keys, node.values, strict=True):
        value = consume(m, element, evaluate(m, element))
        if key is None:
            items.extend(value.items if isinstance(value, Mapping) else [])
            continue
        known = evaluate(m, key)
        items.append((known.value if isinstance(known, Constant) else None, value))
    return Mapping(tuple(items))


def _conditional(m: Machine, node: ast.IfExp) -> Value:
    guard = conditions.condition(m, node.test)
    if isinstance(guard, conditions.Known):
        return evaluate(m, node.body if guard.truth else node.orelse)
    outer, base = m.block, m.store
    values, blocks, changes = [], [], []
    for side in (node.body, node.orelse):
        m.block, m.store = Block(), base.fork()
        values.append(evaluate(m, side))
        blocks.append(m.block)
        changes.append(m.store.changes_since(base))
    m.block, m.store = outer, base
    base.join(changes)
    if any(block.items for block in blocks):
        m.emit(Branch(guard, *blocks))
    return join(*values)


def _lambda(m: Machine, node: ast.Lambda) -> Value:
    return Function(node, m.frame)


def _comprehension(m: Machine, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
    """One representative turn of the comprehension's loops."""
    outer = m.block
    m.block = Block()
    tracks = []
    for generator in node.generators:
        steps = iterate(m, generator.iter)
        tracks.append(steps)
        bind(m, generator.target, steps.element)
        for test in generator.ifs:
            evaluate(m, test)
    if isinstance(node, ast.DictComp):
        evaluate(m, node.key)
        value = evaluate(m, node.value)
    else:
        value = evaluate(m, node.elt)
    body, m.block = m.block, outer
    every = all(track.every for track in tracks)
    if body.items:
        m.emit(Loop(node, body, Block(), skippable=not every, repeats=not every))
    if isinstance(value, Constant):
        return UNKNOWN
    if isinstance(value, Parameters):
        picked = value.some if any(generator.ifs for generator in node.generators) else value.kept
        return replace(picked, generator=Generator(node, m.turns)) if isinstance(node, ast.GeneratorExp) else picked
    return Many(value)


def _starred(m: Machine, node: ast.Starred) -> Value:
    return evaluate(m, node.value)


def _named(m: Machine, node: ast.NamedExpr) -> Value:
    value = evaluate(m, node.value)
    bind(m, node.target, value)
    return value


def _transparent(m: Machine, node: ast.Await | ast.FormattedValue) -> Value:
    return evaluate(m, node.value)


def _yield(m: Machine, node: ast.Yield | ast.YieldFrom) -> Value:
    value = evaluate(m, node.value)
    consumer = m.consumers.get(m.frame)
    if consumer is None:
        calls.escape(m, node, value, "whoever iterates this generator")
    else:
        consumer(value)
    return UNKNOWN


def _joined(m: Machine, node: ast.JoinedStr) -> Value:
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            evaluate(m, part.value)
    return UNKNOWN


def bind(m: Machine, target: ast.expr, value: Value) -> None:
    """Assign `value` to a target."""
    if isinstance(target, ast.Name):
        _name_thing(value, target.id)
        frame = m.frame.owner(target.id)
        m.store.set((frame, target.id), value)
        if target.id in m.frame.tested:
            m.emit_effect(Forget, target, variable(frame, target.id))
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(m, target, value)
    elif isinstance(target, ast.Starred):
        bind(m, target.value, value)
    elif isinstance(target, ast.Attribute):
        calls.set_attribute(m, target, evaluate(m, target.value), target.attr, value)
    elif isinstance(target, ast.Subscript):
        calls.set_item(m, target, evaluate(m, target.value), evaluate(m, target.slice), value)


def variable(frame: Frame, name: str) -> str:
    """The key of a variable in guards."""
    return f"{id(frame)}:{name}"


def _unpack(m: Machine, target: ast.Tuple | ast.List, value: Value) -> None:
    starred = any(isinstance(element, ast.Starred) for element in target.elts)
    if isinstance(value, Sequence) and len(value.items) == len(target.elts) and not starred:
        for element, part in zip(target.elts, value.items, strict=True):
            bind(m, element, part)
        return
    if isinstance(value, Sequence) and len(value.items) >= len(target.elts) - 1:
        _unpack_starred(m, target, value)
        return
    if isinstance(value, Choice) and not starred:
        ways = [option.items for option in value.options if isinstance(option, Sequence)]
        if len(ways) == len(value.options) and {len(items) for items in ways} == {len(target.elts)}:
            for element, parts in zip(target.elts, zip(*ways, strict=True), strict=True):
                bind(m, element, reduce(join, parts))
            return
    for index, element in enumerate(target.elts):
        if isinstance(value, Thing):
            part = m.part(value, f"[{index}]")
            part.carries, part.opaque, part.holds = value.carries, value.opaque, value.holds
            part.name = ast.unparse(element)
            bind(m, element, part)
        elif isinstance(value, Parameters):
            bind(m, element, value.kept)
        else:
            bind(m, element, item(m, value, Constant(index)))


def _unpack_starred(m: Machine, target: ast.Tuple | ast.List, value: Sequence) -> None:
    """`first, *rest = ...`; surplus values of an unequal length are dropped."""
    at = next((index for index, element in enumerate(target.elts) if isinstance(element, ast.Starred)), len(target.elts))
    behind = len(target.elts) - at - 1
    for element, part in zip(target.elts[:at], value.items, strict=False):
        bind(m, element, part)
    if at < len(target.elts):
        end = len(value.items) - behind
        bind(m, target.elts[at], Sequence(value.items[at:end]))
        for element, part in zip(target.elts[at + 1 :], value.items[end:], strict=False):
            bind(m, element, part)


def _name_thing(value: Value, name: str) -> None:
    for option in options(value):
        if isinstance(option, Thing) and not option.name:
            option.name = name


def class_info(m: Machine, node: ast.ClassDef) -> ClassInfo:
    """A class statement as a class with its methods and bases."""
    info = ClassInfo(node.name, node, m.frame)
    bases: list[ClassInfo] = []
    external: list[str] = []
    for base in node.bases:
        value = evaluate(m, base.value if isinstance(base, ast.Subscript) else base)
        if isinstance(value, ClassValue):
            bases.append(value.info)
        elif isinstance(value, External):
            external.append(value.name)
        else:
            external.append("?")
    info.bases, info.external = tuple(bases), tuple(external)
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            info.methods[statement.name] = statement
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            info.annotations[statement.target.id] = statement.annotation
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, (ast.Constant, ast.UnaryOp)):
            info.constants.update({name.id: statement.value for name in statement.targets if isinstance(name, ast.Name)})
    return info


_HANDLERS: dict[type[ast.expr], Callable[..., Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Call: _call,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.Tuple: _tuple,
    ast.List: _tuple,
    ast.Set: _tuple,
    ast.Dict: _dict,
    ast.IfExp: _conditional,
    ast.Lambda: _lambda,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Starred: _starred,
    ast.NamedExpr: _named,
    ast.Await: _transparent,
    ast.FormattedValue: _transparent,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
    ast.JoinedStr: _joined,
}

__all__ = ["attribute", "bind", "class_info", "consume", "evaluate", "item", "variable"]
