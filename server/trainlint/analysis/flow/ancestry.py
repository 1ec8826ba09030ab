"""The operations that a value was computed by, as far as the text in sight goes: calls of modules are single steps here."""

from __future__ import annotations

from collections.abc import Iterator

from ...program.things import Choice, Either, Many, Mapping, Method, Operation, Origin, Sequence, Tensor, Thing, Value

_MAX_STEPS = 2_000


def computed_by(value: Value, *, recorded: bool = False, through: frozenset[str] | None = None) -> dict[Operation, None]:
    """Every operation behind `value`, the last ones first; only those that its gradient passes where `recorded`.

    Where `through` names operations, the others are ends: what is behind them is left out.
    """
    found: dict[Operation, None] = {}
    seen: set[int] = set()
    waiting: list[Value | Origin | None] = [value]
    while waiting and len(seen) < _MAX_STEPS:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Operation):
            if recorded and (one.cuts or not one.recorded):
                continue
            found[one] = None
            if through is not None and one.name not in through:
                continue
            waiting.extend((*one.inputs, *one.writes))
        else:
            waiting.extend(_behind(one))
    return found


def _behind(value: Value | Origin | None) -> Iterator[Value | Origin | None]:
    """What a value is made of, or was taken from."""
    if isinstance(value, Tensor):
        yield value.origin
    elif isinstance(value, (Choice, Either)):
        yield from value.options
    elif isinstance(value, Sequence):
        yield from value.items
    elif isinstance(value, Many):
        yield value.element
    elif isinstance(value, Mapping):
        yield from (item for _, item in value.items)
    elif isinstance(value, Method):
        yield value.receiver
    elif isinstance(value, Thing):
        yield value.made_by if value.made_by is not None else value.parent
