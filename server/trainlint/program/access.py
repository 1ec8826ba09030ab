"""Attributes and members of values."""

from __future__ import annotations

import ast
from dataclasses import replace

from . import (
    assignment,
    calls,
    compiled,
    configuration_files,
    defaults,
    differentiation,
    expressions,
    functional,
    grad_mode,
    objects,
    operations,
    options,
)
from .effects import Block
from .frameworks.table import TENSOR_METHODS, lists_parameters, maker, method_meaning, names_method, unpacked
from .machine import Machine
from .scope import ClassInfo, Frame
from .things import (
    NONE,
    UNKNOWN,
    Choice,
    ClassValue,
    Constant,
    External,
    FileValue,
    Function,
    Gradient,
    Loaded,
    Many,
    Mapping,
    Method,
    ModuleValue,
    Operation,
    Parameters,
    Plain,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from .values import join
from .vocabulary import DESCRIPTIONS, KNOWN_METHODS, UNMISTAKABLE, holds_gradients


def attribute(m: Machine, node: ast.expr, holder: Value, name: str) -> Value:
    """`holder.name`."""
    if isinstance(holder, Thing):
        return _thing_attribute(m, node, holder, name)
    if isinstance(holder, External):
        return options.flag(m, holder, name) or External(f"{holder.name}.{name}")
    if isinstance(holder, ModuleValue) and m.importer is not None:
        return m.importer.attribute(holder, name)
    if isinstance(holder, Loaded):
        return configuration_files.entry(m, holder, name) or Method(holder, name)
    if isinstance(holder, FileValue):
        return configuration_files.path_attribute(holder, name) or Method(holder, name)
    if isinstance(holder, Choice):
        whole = name in KNOWN_METHODS or functional.replaces(m, name)
        if whole and not any(calls.in_sight_method(option, name) for option in holder.options):
            return Method(holder, name)
        result: Value = UNKNOWN
        for option in holder.options:
            result = join(result, attribute(m, node, option, name))
        return result
    if isinstance(holder, ClassValue):
        found = holder.info.find(name)
        if found is None and (inherited := _inherited(holder.info, name)) is not None:
            return inherited
        if found is not None:
            bound = holder if _kinds(found[1]) & {"classmethod"} else None
            return Function(found[1], found[0].frame, bound)
        return _class_constant(m, holder.info, name) or defaults.of_class(m, holder.info, name) or UNKNOWN
    if isinstance(holder, Tensor):
        if name == "grad":
            return Gradient(Parameters(holder.sources, holder.opaque or not holder.sources))
        if name == "data":
            return Tensor(origin=operations.compute(m, node, name, (holder,), cuts=operations.is_tensor(holder)))
        if name in ("values", "indices") and operations.has_indices(holder.origin):
            return _of_pair(m, node, holder, name)
        if name == "requires_grad":
            return Constant(False) if grad_mode.without_graph(holder) else UNKNOWN
        if name == "shape" and holder.sources:
            operations.compute(m, node, name, (holder,), cuts=True)
        return Tensor() if name in DESCRIPTIONS else Method(holder, name)
    if isinstance(holder, Parameters):
        if holds_gradients(name):
            return Gradient(holder.kept)
        if name == "data":
            return replace(holder.kept, detached=True)
        return holder.kept if name in ("T", "value") else Method(holder, name)
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
            kinds = _kinds(found[1])
            if kinds & {"property", "cached_property"}:
                return calls.apply(m, node, function.bind(holder), [], {}, used=True)
            transformed = calls.decorated(m, function)
            if not isinstance(transformed, Function):
                return UNKNOWN
            function = transformed
            return function if "staticmethod" in kinds else function.bind(holder)
        constant = defaults.attribute(m, holder, name) or _class_constant(m, holder.cls, name)
        if constant is not None:
            return constant
        assigned = assigned_elsewhere(m, holder, name)
        if assigned is not None:
            return assigned
    if known is not None:
        return known
    if name == "grad":
        return Gradient(Parameters(frozenset({holder}), opaque=True))
    if name == "__dict__" and holder in m.namespaces:
        return holder
    if lists_parameters(name, (holder.created_by or "") if holder.role is Role.MODULE else None):
        return Parameters(frozenset({holder}))
    if (
        names_method(name)
        and method_meaning(differentiation.role_of(holder), name) is not None
        and (holder.role is not Role.MODULE or compiled.belongs(holder))
    ):
        return Method(holder, name)
    if name == "param_groups":
        holder.uses.add(name)
        return Parameters(frozenset({holder}))
    if name == "data" and holder.role is not Role.INSTANCE:
        return Tensor(origin=operations.compute(m, node, name, (holder,), cuts=operations.is_tensor(holder)))
    if name in ("values", "indices") and operations.has_indices(holder.made_by):
        return _of_pair(m, node, Tensor(holder.carries, holder.opaque, origin=holder.made_by), name)
    if name in DESCRIPTIONS and holder.role in (None, Role.LEAF):
        said = m.part(holder, name)
        said.data = True
        return said
    if functional.is_method(m, holder, name) or options.is_method(holder, name):
        return Method(holder, name)
    computed = holder.made_by is not None or holder.data
    if name in KNOWN_METHODS or (holder.role is None and name in (TENSOR_METHODS if computed else UNMISTAKABLE)):
        return Method(holder, name)
    if holder.role is Role.LEAF and name in TENSOR_METHODS:
        return Method(holder, name)
    return taken(m, node, holder, _declared(m, holder, name))


def _kinds(method: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return {decorator.id for decorator in method.decorator_list if isinstance(decorator, ast.Name)}


def _inherited(info: ClassInfo, name: str) -> External | None:
    """What a class has from one that a table knows."""
    known = (f"{base}.{name}" for base in info.outside)
    return next((External(whole) for whole in known if maker(whole) is not None), None)


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
            return expressions.evaluate(m, one.constants[name])
    return None


def assigned_elsewhere(m: Machine, holder: Thing, name: str) -> Value | None:
    """An attribute that another method of the object's class assigns."""
    assert holder.cls is not None
    for info in holder.cls.lineage():
        for method in info.methods.values():
            own = method.args.args[0].arg if method.args.args else ""
            written = m.index.functions[method].built.get((own, name))
            if written is not None:
                return _evaluate_apart(m, holder, info, method, name, written)
    return None


def _evaluate_apart(
    m: Machine, holder: Thing, info: ClassInfo, method: ast.FunctionDef | ast.AsyncFunctionDef, name: str, node: ast.Assign
) -> Value:
    """The value of an assignment in a method that does not run here, its effects left out."""
    m.spend()
    m.store.set((holder, name), m.part(holder, name))
    frame = Frame(method, info.frame, cls=info, receiver=holder)
    m.store.set((frame, method.args.args[0].arg), holder)
    for argument in method.args.args[1:]:
        m.store.set((frame, argument.arg), m.thing(argument, "argument", name=argument.arg))
    outer = (m.frame, m.block, m.statement, m.stack)
    m.frame, m.block, m.statement, m.stack = frame, Block(), node, (method,)
    value = expressions.evaluate(m, node.value)
    m.frame, m.block, m.statement, m.stack = outer
    assignment.set_attribute(m, node, holder, name, value)
    return value


def item(m: Machine, holder: Value, index: Value) -> Value:
    """`holder[index]`."""
    if isinstance(holder, Loaded):
        return configuration_files.item(m, holder, index)
    key = index.value if isinstance(index, Constant) else None
    if isinstance(holder, Sequence) and isinstance(key, int) and (places := holder.places(key)):
        return item_of(holder.part(places)) if len(places) > 1 else holder.items[places[0]]
    if isinstance(holder, (Sequence, Many)):
        return item_of(holder)
    if isinstance(holder, Mapping):
        for known, value in holder.items:
            if known == key:
                return value
        return item_of(holder.values())
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
        known = field(m, holder, key)
        if known is not None:
            return known
        known = options.item(m, holder, key) or m.store.get((holder, f"[{key!r}]"))
        return known or taken(m, m.statement, holder, m.part(holder, f"[{key!r}]" if key is not None else "[]"))
    return holder if isinstance(holder, Plain) else UNKNOWN


def taken(m: Machine, node: ast.AST, whole: Thing, part: Thing) -> Thing:
    """Whatever is taken from what was computed while autograd was off has no graph either."""
    if _was_off(whole.made_by) and part.made_by is None and part.role is None:
        part.made_by = operations.compute(m, node, "getitem", (whole, UNKNOWN))
    return part


def _was_off(operation: Operation | None) -> bool:
    while operation is not None and operation.recorded and operation.name == "getitem":
        whole = operation.inputs[0]
        operation = whole.made_by if isinstance(whole, Thing) else None
    return operation is not None and not operation.recorded


def field(m: Machine, holder: Thing, key: object) -> Value | None:
    """The member of an object that is a tuple, whose class is in sight or known to a table."""
    methods = unpacked(holder.role)
    if isinstance(key, int) and -len(methods) <= key < len(methods):
        return Method(holder, methods[key])
    if not isinstance(key, int) or holder.cls is None or "typing.NamedTuple" not in holder.cls.outside:
        return None
    names = holder.cls.fields
    if not -len(names) <= key < len(names):
        return None
    return m.store.get((holder, names[key])) or _declared(m, holder, names[key])


def _declared(m: Machine, holder: Thing, name: str) -> Thing:
    """A part of an object, with what the object's class says of it."""
    part = m.part(holder, name)
    annotated = holder.cls.annotation(name) if holder.cls is not None else None
    if annotated is not None:
        objects.declare(m, part, annotated[1])
    return part


def item_of(collection: Sequence | Many) -> Value:
    """Any one member of a collection."""
    if isinstance(collection, Many):
        return collection.element
    merged: Value = UNKNOWN
    for member in collection.items:
        merged = join(merged, member)
    return merged
