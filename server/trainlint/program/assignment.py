"""Values to targets: names, attributes, members."""

from __future__ import annotations

import ast
from functools import reduce

from . import access, chains, configuration_files, expressions, in_place, parameters
from .effects import Adjust, Assign, Attach, Clear, Create, Extend, Forget, Freeze, Mark, Rebind, SetRate, Write
from .machine import Machine
from .names import text_of
from .scope import Frame
from .things import (
    NONE,
    UNKNOWN,
    Choice,
    ClassValue,
    Constant,
    Gradient,
    Loaded,
    Many,
    Mapping,
    ModuleValue,
    Operation,
    Parameters,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from .values import join, options, things_in
from .vocabulary import holds_gradients


def bind(m: Machine, target: ast.expr, value: Value) -> None:
    """Assign `value` to a target."""
    if m.plain:
        m.plain -= {(m.frame, text_of(target))}
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
        set_attribute(m, target, expressions.evaluate(m, target.value), target.attr, value)
    elif isinstance(target, ast.Subscript):
        set_item(m, target, expressions.evaluate(m, target.value), expressions.evaluate(m, target.slice), value)


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
        whole = [option for option in value.options if isinstance(option, Thing) and option.role is Role.OPTIMIZER]
        if len(ways) + len(whole) == len(value.options) and {len(items) for items in ways} == {len(target.elts)}:
            for element, parts in zip(target.elts, zip(*ways, strict=True), strict=True):
                bind(m, element, reduce(join, parts))
            return
    if isinstance(value, Many) and isinstance(value.element, Thing) and _is_built(value.element) and not starred:
        for index, element in enumerate(target.elts):
            bind(m, element, _built_beside(m, element, value.element, index))
        return
    for index, element in enumerate(target.elts):
        known = access.field(m, value, index) if isinstance(value, Thing) and not starred else None
        if known is not None:
            bind(m, element, known)
        elif isinstance(value, Thing):
            part = m.part(value, f"[{index}]")
            part.carries, part.opaque, part.holds = value.carries, value.opaque, value.holds
            part.name = text_of(element)
            bind(m, element, access.taken(m, target, value, part))
        elif isinstance(value, Parameters):
            bind(m, element, value.kept)
        else:
            bind(m, element, access.item(m, value, Constant(index)))


def _is_built(thing: Thing) -> bool:
    return thing.role in (Role.MODULE, Role.OPTIMIZER) and thing.in_sight and thing.parent is None


def _built_beside(m: Machine, node: ast.AST, like: Thing, index: int) -> Thing:
    """A model of its own, built by the same call in another turn; of an optimizer it is out of sight what it holds."""
    if like.role is Role.OPTIMIZER:
        optimizer = m.part(like, f"[{index}]")
        optimizer.name = text_of(node)
        return optimizer
    if index == 0:
        return like
    thing = m.thing(node, "another", role=like.role)
    thing.cls, thing.created_by, thing.arguments, thing.positional = like.cls, like.created_by, like.arguments, like.positional
    m.emit_effect(Create, node, thing)
    m.emit_effect(Rebind, node, thing)
    return thing


def _unpack_starred(m: Machine, target: ast.Tuple | ast.List, value: Sequence) -> None:
    """`first, *rest = ...`; surplus values of an unequal length are dropped."""
    at = next((index for index, element in enumerate(target.elts) if isinstance(element, ast.Starred)), len(target.elts))
    behind = len(target.elts) - at - 1
    for element, part in zip(target.elts[:at], value.items, strict=False):
        bind(m, element, part)
    if at < len(target.elts):
        end = len(value.items) - behind
        bind(m, target.elts[at], value.part(range(at, end)))
        for element, part in zip(target.elts[at + 1 :], value.items[end:], strict=False):
            bind(m, element, part)


def _name_thing(value: Value, name: str) -> None:
    for option in options(value):
        if isinstance(option, Thing) and not option.name:
            option.name = name


def set_attribute(m: Machine, node: ast.AST, holder: Value, name: str, value: Value) -> None:
    """`holder.name = value`."""
    if name == "grad":
        target = holder if isinstance(holder, Parameters) else Parameters(frozenset(things_in(holder)), opaque=True)
        store_gradient(m, node, target, value)
        return
    if isinstance(holder, Gradient) and name == "data":
        store_gradient(m, node, holder.of, value)
        return
    if isinstance(holder, Parameters) and holds_gradients(name) and value != NONE:
        m.emit_effect(Write, node, holder)
    if isinstance(holder, (Parameters, Tensor)):
        m.emit_effect(Mark, node, holder, name, value)
    if isinstance(holder, Parameters) and name == "data":
        in_place.written(holder)
    if isinstance(holder, Parameters) and name == "requires_grad":
        m.emit_effect(Freeze, node, holder.kept, _truth(value))
    if isinstance(holder, ClassValue):
        m.store.set((holder.info, name), value)
    if isinstance(holder, ModuleValue) and m.importer is not None:
        m.importer.assign(holder, name, value)
    if isinstance(holder, Loaded):
        configuration_files.assign(m, holder, name, value)
    if name == "requires_grad" and value != Constant(False):
        in_place.made_leaf(node, holder)
    if name == "data":
        in_place.stored(m, holder, (value,))
    if not isinstance(holder, Thing):
        return
    for part in things_in(value):
        part.owners.add(holder)
        if not part.name:
            part.name = text_of(node) if isinstance(node, ast.Attribute) else f"{holder.name or 'self'}.{name}"
        if not holder.in_sight:
            part.escaped = True
    if name == "requires_grad" and holder.role is not Role.MODULE:
        m.emit_effect(Freeze, node, Parameters(frozenset({holder})), _truth(value))
    if not (isinstance(m.frame.node, ast.FunctionDef) and m.frame.node.name == "__init__" and m.frame.receiver is holder):
        m.emit_effect(Assign, node, holder, name, value, m.store.get((holder, name)))
    elif isinstance(value, Thing) and holder.role is Role.MODULE:
        m.emit_effect(Attach, node, holder, name, value)
    if isinstance(value, Thing) and value.role is Role.MODULE:
        chains.register(m, holder, name, value)
    m.record_binding(holder, name, node, value)
    m.store.set((holder, name), value)
    m.emit_effect(Forget, node, f".{name}")


def store_gradient(m: Machine, node: ast.AST, of: Parameters, value: Value) -> None:
    """`parameter.grad = value`."""
    if value == NONE or in_place.is_zero(value):
        m.emit_effect(Clear, node, (), of, "")
    elif in_place.is_multiple(value, of):
        m.emit_effect(Adjust, node, of)
    else:
        m.emit_effect(Write, node, of)


def _truth(value: Value) -> bool | None:
    return bool(value.value) if isinstance(value, Constant) else None


def set_item(m: Machine, target: ast.Subscript, holder: Value, index: Value, value: Value) -> None:
    """`holder[index] = value`."""
    key = index.value if isinstance(index, Constant) else None
    in_place.stored(m, holder, (value,))
    if key is None and isinstance(target.value, (ast.Name, ast.Attribute)) and _is_member(holder, value):
        kept = [old for _, old in holder.items] if isinstance(holder, Mapping) else [access.item(m, holder, index)]
        member = value
        for old in kept:
            member = join(old, member)
        bind(m, target.value, member if isinstance(member, Parameters) else Many(member))
    elif isinstance(holder, Parameters):
        if key == "lr" or key is None:
            m.emit_effect(SetRate, target, tuple(holder.owners), _factor(holder, value))
        elif key == "params":
            m.emit_effect(Extend, target, tuple(holder.owners), parameters.of(value))
    elif isinstance(holder, Gradient):
        m.emit_effect(Adjust, target, holder.of)
    elif isinstance(holder, Loaded):
        configuration_files.assign(m, holder, key, value)
    elif isinstance(holder, Thing):
        if isinstance(value, Thing) and value.role is Role.MODULE:
            chains.alter(m, holder)
            m.emit_effect(Assign, target, holder, f"[{key!r}]", value, m.store.get((holder, f"[{key!r}]")))
        parts = tuple(things_in(value))
        if key is not None or parts:
            m.store.set((holder, f"[{key!r}]"), value)
        for part in parts:
            part.owners.add(holder)
    elif isinstance(holder, Sequence) and isinstance(key, int) and len(places := holder.places(key)) == 1:
        if isinstance(target.value, (ast.Name, ast.Attribute)):
            items = (*holder.items[: places[0]], value, *holder.items[places[0] + 1 :])
            bind(m, target.value, Sequence(items, holder.groups))
    elif isinstance(holder, Mapping) and isinstance(target.value, (ast.Name, ast.Attribute)):
        rest = tuple((known, old) for known, old in holder.items if known != key)
        bind(m, target.value, Mapping((*rest, (key, value)), holder.loose - {key}))


def updated(m: Machine, target: ast.expr, table: Mapping, args: list[Value], keywords: dict[str, Value]) -> None:
    """`table.update(...)`: entries given anew; where they are out of sight, every number may be another."""
    if not isinstance(target, (ast.Name, ast.Attribute)):
        return
    given = [value for value in args if isinstance(value, Mapping)]
    entries = dict(table.items)
    if len(given) < len(args) or "**" in keywords:
        bind(m, target, changed(table))
        return
    for value in given:
        entries.update(value.items)
    sure = frozenset(keywords).union(*(frozenset(dict(value.items)) - value.loose for value in given))
    loose = table.loose.union(*(value.loose - frozenset(dict(table.items)) for value in given))
    bind(m, target, Mapping(tuple((entries | keywords).items()), loose - sure))


def changed(table: Mapping) -> Mapping:
    """A dictionary whose numbers and texts code out of sight may have replaced."""
    items = ((key, changed(value) if isinstance(value, Mapping) else value) for key, value in table.items)
    return Mapping(tuple((key, UNKNOWN if isinstance(value, Constant) else value) for key, value in items), table.loose)


def _factor(holder: Parameters, value: Value) -> Value | None:
    """What an entry of `holder` is multiplied by where `value` is made of it alone."""
    made = value.origin if isinstance(value, Tensor) else None
    if not isinstance(made, Operation) or made.name not in ("mul", "div"):
        return None
    own = [part for part in made.inputs if isinstance(part, Parameters) and part.owners == holder.owners]
    others = [part for part in made.inputs if not isinstance(part, Parameters)]
    if len(own) != 1 or len(others) != 1 or (made.name == "div" and made.inputs[0] is not own[0]):
        return None
    return others[0] if made.name == "mul" else UNKNOWN


def _is_member(holder: Value, value: Value) -> bool:
    """A collection is given one more member, and `value` is worth to be remembered as such."""
    if isinstance(holder, Parameters):
        return isinstance(value, Parameters)
    return isinstance(holder, (Mapping, Many)) and isinstance(value, (Thing, Parameters))
