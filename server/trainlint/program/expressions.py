"""Expressions to values; calls in them leave their effects behind."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from . import (
    access,
    arithmetic,
    assignment,
    builtin_calls,
    calls,
    conditions,
    configuration_files,
    lists,
    narrowing,
    operations,
    options,
    parameters,
    unseen,
)
from .effects import Block, Branch, Loop, Read
from .iteration import iterate
from .machine import Machine
from .names import text_of
from .scope import Changes
from .things import (
    PLAIN,
    UNKNOWN,
    Constant,
    FileValue,
    Function,
    Generator,
    Gradient,
    Many,
    Mapping,
    Parameters,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from .values import as_tensor, join, mix


def evaluate(m: Machine, node: ast.expr | None) -> Value:
    """The value of an expression. What it does on the way is emitted into the current block."""
    if node is None:
        return Constant(None)
    if m.plain and isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and (m.frame, text_of(node)) in m.plain:
        return PLAIN
    handler = _HANDLERS.get(type(node))
    return handler(m, node) if handler else UNKNOWN


def consume(m: Machine, node: ast.AST, value: Value) -> Value:
    """`value` as an operand: a gradient that is used this way has been read, unless it is only shown."""
    if isinstance(value, Gradient):
        if not unseen.is_shown(m):
            m.emit_effect(Read, node, value.of)
        return Tensor(origin=operations.compute(m, node, "grad", (value,)))
    return value


def _constant(m: Machine, node: ast.Constant) -> Value:
    return Constant(node.value)


def _name(m: Machine, node: ast.Name) -> Value:
    value = m.lookup(node.id)
    if value is not None:
        return value
    if node.id == "__file__" and m.importer is not None:
        return FileValue(m.importer.here)
    builtin = builtin_calls.builtin(node.id)
    if builtin is not None:
        return builtin
    key = ("global", node.id, m.frame.module)
    thing = m.things.get(key)
    if thing is None:
        thing = m.things[key] = Thing(node.id)
    return thing


def _attribute(m: Machine, node: ast.Attribute) -> Value:
    return access.attribute(m, node, evaluate(m, node.value), node.attr)


def _subscript(m: Machine, node: ast.Subscript) -> Value:
    holder = evaluate(m, node.value)
    index = evaluate(m, node.slice)
    if isinstance(holder, Sequence) and isinstance(node.slice, ast.Slice):
        return lists.sliced(m, node.slice, holder)
    if isinstance(holder, Thing) and holder.role is Role.LEAF:
        return operations.computed(m, as_tensor(holder), operations.compute(m, node, "getitem", (holder, index)))
    if isinstance(holder, Tensor):
        return holder.by(operations.compute(m, node, "getitem", (holder, index)))
    return access.item(m, holder, index)


def _call(m: Machine, node: ast.Call) -> Value:
    return calls.call(m, node, used=not (isinstance(m.statement, ast.Expr) and m.statement.value is node))


def _binary(m: Machine, node: ast.BinOp) -> Value:
    left = consume(m, node, evaluate(m, node.left))
    right = consume(m, node, evaluate(m, node.right))
    if isinstance(left, FileValue) and isinstance(node.op, ast.Div):
        return configuration_files.divided(left, right) or UNKNOWN
    return arithmetic.binary(m, node, node.op, left, right)


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
        base.join([changes, Changes()])
        if body.items:
            m.emit(Branch(conditions.FRESH, body, Block()))
        result = join(result, value)
    return result


def _compare(m: Machine, node: ast.Compare) -> Value:
    operands = [evaluate(m, operand) for operand in (node.left, *node.comparators)]
    for operand in operands:
        options.looked_at(operand)
    if not all(isinstance(kind, (ast.Is, ast.IsNot)) for kind in node.ops):
        operands = [consume(m, node, operand) for operand in operands]
    return Tensor(origin=operations.compute(m, node, "compare", operands, cuts=True))


def _tuple(m: Machine, node: ast.Tuple | ast.List | ast.Set) -> Value:
    whole = Sequence(())
    for element in node.elts:
        if isinstance(element, ast.Starred):
            value = evaluate(m, element.value)
            parameters.exhaust(m, element, value)
            value = value.kept if isinstance(value, Parameters) else value
            whole = whole.plus(value if isinstance(value, Sequence) else Sequence((value,)))
        else:
            whole = whole.plus(Sequence((consume(m, element, evaluate(m, element)),)))
    return whole


def _dict(m: Machine, node: ast.Dict) -> Value:
    items: list[tuple[object, Value]] = []
    for key, element in zip(node.keys, node.values, strict=True):
        value = consume(m, element, evaluate(m, element))
        if key is None:
            items.extend(value.items if isinstance(value, Mapping) else [])
            continue
        known = evaluate(m, key)
        items.append((known.value if isinstance(known, Constant) else None, value))
    last = {key: value for key, value in items if key is not None and isinstance(key, (str, int))}
    if len(last) == len(items):
        return Mapping(tuple(items))
    unnamed = [(key, value) for key, value in items if key not in last]
    return Mapping((*last.items(), *unnamed))


def _conditional(m: Machine, node: ast.IfExp) -> Value:
    guard = conditions.condition(m, node.test)
    if isinstance(guard, conditions.Known):
        return evaluate(m, node.body if guard.truth else node.orelse)
    outer, base = m.block, m.store
    values, blocks, changes = [], [], []
    for truth, side in ((True, node.body), (False, node.orelse)):
        m.block, m.store = Block(), base.fork()
        values.append(narrowing.side(m, node.test, partial(evaluate, m, side), truth=truth))
        blocks.append(m.block)
        changes.append(m.store.changes_since(base))
    m.block, m.store = outer, base
    base.join(changes)
    if any(block.items for block in blocks):
        m.emit(Branch(guard, blocks[0], blocks[1]))
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
        assignment.bind(m, generator.target, steps.element)
        for test in generator.ifs:
            evaluate(m, test)
    if isinstance(node, ast.DictComp):
        evaluate(m, node.key)
        value = evaluate(m, node.value)
    else:
        value = evaluate(m, node.elt)
    if isinstance(value, Gradient) and not unseen.is_shown(m):
        m.emit_effect(Read, node, value.of)
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
    assignment.bind(m, node.target, value)
    return value


def _transparent(m: Machine, node: ast.Await | ast.FormattedValue) -> Value:
    return evaluate(m, node.value)


def _yield(m: Machine, node: ast.Yield | ast.YieldFrom) -> Value:
    value = evaluate(m, node.value)
    consumer = m.consumers.get(m.frame)
    if consumer is None:
        unseen.escape(m, node, value, "whoever iterates this generator")
    else:
        consumer(value)
    return UNKNOWN


def _joined(m: Machine, node: ast.JoinedStr) -> Value:
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            evaluate(m, part.value)
    return UNKNOWN


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
