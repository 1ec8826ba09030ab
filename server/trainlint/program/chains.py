"""Sequences of layers, what they are made of and how they grow: each layer gets what the one before it computed."""

from __future__ import annotations

from .frameworks.table import is_sequence
from .machine import Machine
from .things import UNKNOWN, Mapping, Role, Sequence, Thing, Value
from .values import options

_ADDED = "[added]"


def begin(m: Machine, container: Thing) -> None:
    """Nothing was added to a sequence of layers yet."""
    if is_sequence(container.created_by or ""):
        m.store.set((container, _ADDED), Sequence(()))


def grow(m: Machine, container: Thing, given: list[Value]) -> None:
    """A sequence of layers is given more of them; how many, in a loop, nobody knows."""
    before = m.store.get((container, _ADDED)) or Sequence(())
    if not isinstance(before, Sequence) or m.turns:
        alter(m, container)
        return
    for value in given:
        before = before.plus(value if isinstance(value, Sequence) else Sequence((value,)))
    m.store.set((container, _ADDED), before)


def alter(m: Machine, container: Value) -> None:
    """A layer is replaced, or taken out: nobody knows the order any more."""
    for thing in options(container):
        if isinstance(thing, Thing) and is_sequence(thing.created_by or ""):
            m.store.set((thing, _ADDED), UNKNOWN)


def register(m: Machine, container: Thing, name: str, value: Value) -> None:
    """A layer gets a name: it is the last one, or takes the place of another."""
    if not is_sequence(container.created_by or ""):
        return
    known = any(isinstance(given, Mapping) and name in dict(given.items) for given in container.positional)
    if known or name.isdigit() or m.store.known((container, name)) is not None:
        alter(m, container)
    else:
        grow(m, container, [value])


def layers(m: Machine, container: Thing) -> list[tuple[Thing, bool]] | None:
    """The layers in their order, each with whether it is there on some paths only; None where one of them is out of sight."""
    added = m.store.get((container, _ADDED)) or Sequence(())
    if not isinstance(added, Sequence):
        return None
    given = container.positional or tuple(value for name, value in container.arguments.items() if name == "layers")
    whole = Sequence(())
    for value in given:
        part = value.values() if isinstance(value, Mapping) else value if isinstance(value, Sequence) else Sequence((value,))
        whole = whole.plus(part)
    whole = whole.plus(added)
    found = []
    for place, value in enumerate(whole.items):
        if not isinstance(value, Thing) or value.role not in (Role.MODULE, Role.INPUT):
            return None
        if value.role is Role.MODULE:
            found.append((value, whole.is_loose(place)))
    return found
