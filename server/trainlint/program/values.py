"""What can be asked of any value, and what a variable holds where paths meet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .naming import LOSS, suggests
from .sequences import Sequence as Sequence
from .things import (
    NONE,
    UNKNOWN,
    Choice,
    ClassValue,
    Constant,
    Counter,
    Either,
    External,
    FileValue,
    Function,
    Gradient,
    Loaded,
    Many,
    Mapping,
    Method,
    ModuleValue,
    Modulo,
    Origin,
    Parameters,
    Partial,
    Role,
    Tensor,
    Thing,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    pass


_COLLECTIONS = (Sequence, Many, Mapping, Parameters)


_EMPTY: tuple[Value, ...] = (Sequence(()), Mapping(()))


_MAX_OPTIONS = 6


def options(value: Value) -> tuple[Value, ...]:
    """The alternatives a value stands for; itself where there is but one."""
    return value.options if isinstance(value, Choice) else (value,)


def things_in(value: Value, depth: int = 4) -> tuple[Thing, ...]:
    """Every object a value gives access to directly."""
    if depth == 0:
        return ()
    if isinstance(value, Thing):
        return (value,)
    if isinstance(value, (Parameters, Gradient)):
        return tuple(value.owners if isinstance(value, Parameters) else value.of.owners)
    inside = _INSIDE.get(type(value))
    if inside is None:
        return ()
    found: list[Thing] = []
    for part in inside(value):
        found += things_in(part, depth - 1)
    return tuple(found)


def _given(value: Partial) -> Iterable[Value]:
    return (value.function, *value.args, *(keyword for _, keyword in value.keywords))


_INSIDE: dict[type, Callable[[Any], Iterable[Value]]] = {
    Choice: lambda value: value.options,
    Sequence: lambda value: value.items,
    Many: lambda value: (value.element,),
    Mapping: lambda value: (item for _, item in value.items),
    Method: lambda value: (value.receiver,),
    Function: lambda value: (value.receiver,) if value.receiver is not None else (),
    Partial: _given,
}


def as_tensor(value: Value) -> Tensor:
    """What differentiating `value` would reach."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Thing):
        if value.data:
            return Tensor(origin=value)
        if value.role is Role.LEAF:
            return Tensor(frozenset({value}), origin=value)
        return Tensor(value.carries, value.opaque, suggests(value.name, LOSS), value)
    if isinstance(value, Parameters):
        return Tensor(value.owners, value.opaque)
    if isinstance(value, (Choice, Sequence)):
        return mix(value.options if isinstance(value, Choice) else value.items)
    if isinstance(value, Many):
        return as_tensor(value.element)
    if isinstance(value, Mapping):
        return mix(tuple(item for _, item in value.items))
    if isinstance(value, Constant):
        return Tensor(origin=value)
    if isinstance(value, (External, ModuleValue, FileValue, Loaded, Function, ClassValue, Gradient, Counter, Modulo)):
        return Tensor()
    return Tensor(opaque=True)


def mix(values: tuple[Value, ...]) -> Tensor:
    """The tensor that an operation on `values` returns."""
    sources: frozenset[Thing] = frozenset()
    opaque = loss = False
    for value in values:
        if isinstance(value, Constant):
            continue
        tensor = value if isinstance(value, Tensor) else as_tensor(value)
        if tensor.sources:
            sources = sources | tensor.sources if sources else tensor.sources
        opaque = opaque or tensor.opaque
        loss = loss or tensor.loss
    return Tensor(sources, opaque, loss)


def join(left: Value, right: Value) -> Value:
    """What a variable is after two paths meet."""
    if left is right:
        return left
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        merged = left if left == right else mix((left, right))
        return merged.by(either(left.origin, right.origin))
    if isinstance(left, Parameters) and isinstance(right, Parameters):
        if left.generator is right.generator and left == right:
            return left
        return Parameters.union((left, right))
    if left == right:
        return left
    if isinstance(left, Sequence) and isinstance(right, Sequence) and (whole := left.joined(right)) is not None:
        return whole
    if isinstance(left, Mapping) and isinstance(right, Mapping) and (table := left.joined(right)) is not None:
        return table
    for one, other in ((left, right), (right, left)):
        if one == NONE and isinstance(other, Thing):
            other.optional = True
        if isinstance(one, Unknown) and _is_number(other):
            return UNKNOWN
        if one == NONE or isinstance(one, Unknown) or (one in _EMPTY and isinstance(other, _COLLECTIONS)):
            return other
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        return mix((left, right)).by(either(as_tensor(left).origin, as_tensor(right).origin))
    if isinstance(left, Many) and isinstance(right, Many):
        return Many(join(left.element, right.element))
    if isinstance(left, Constant) and isinstance(right, Constant):
        return UNKNOWN
    alternatives = tuple(dict.fromkeys((*options(left), *options(right))))
    if len(alternatives) <= _MAX_OPTIONS:
        return Choice(alternatives)
    known = [one for one in alternatives if one != UNKNOWN]
    return Choice((*known[: _MAX_OPTIONS - 1], UNKNOWN))


def _is_number(value: Value) -> bool:
    return value.default is not None if isinstance(value, Thing) else isinstance(value, Constant) and value != NONE


def either(left: Origin | None, right: Origin | None) -> Origin | None:
    """The origin of a value that has one of two; None where one is out of sight."""
    if left is None or right is None:
        return None
    merged = tuple(dict.fromkeys((*alternatives(left), *alternatives(right))))
    if len(merged) == 1:
        return merged[0]
    return Either(merged) if len(merged) <= _MAX_OPTIONS else None


def alternatives(origin: Origin) -> tuple[Origin, ...]:
    return origin.options if isinstance(origin, Either) else (origin,)
