"""Tuples and lists whose members are known one by one, also those that are there on some paths only."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import zip_longest
from typing import TYPE_CHECKING

from ..immutable import value_class

if TYPE_CHECKING:
    from .things import Value


@value_class
class Sequence:
    """A tuple or list. `groups` has a number for each of `items`, or is empty where all of them are there in any case.

    A member of group 0 is always there. Those of another group are there on some paths only, and on each all of them or none.
    """

    items: tuple[Value, ...]
    groups: tuple[int, ...] = ()

    @property
    def loose(self) -> bool:
        """Some members may be missing."""
        return bool(self.groups)

    def is_loose(self, place: int) -> bool:
        return bool(self.groups) and self.groups[place] != 0

    def plus(self, other: Sequence) -> Sequence:
        return Sequence(self.items + other.items, _numbered([*_of("left", self), *_of("right", other)]))

    def part(self, places: Iterable[int]) -> Sequence:
        """The members at `places`, in that order."""
        chosen = list(places)
        groups = _numbered(self.groups[place] for place in chosen) if self.groups else ()
        return Sequence(tuple(self.items[place] for place in chosen), groups)

    def turned(self) -> Sequence:
        """From the last to the first."""
        return self.part(range(len(self.items) - 1, -1, -1))

    def places(self, index: int) -> list[int]:
        """The places of the members that `self[index]` may be; none where it has too few."""
        count = len(self.items)
        order = range(count) if index >= 0 else range(count - 1, -1, -1)
        index = index if index >= 0 else -index - 1
        if not self.groups:
            return [order[index]] if index < count else []
        found = []
        for before, place in enumerate(order):
            least = sum(self.groups[other] in (0, self.groups[place]) for other in order[:before])
            if least <= index <= before:
                found.append(place)
        return found

    def joined(self, other: Sequence) -> Sequence | None:
        """This list or the other one, of which one begins with the other; None where neither does."""
        short, long = (self, other) if len(self.items) <= len(other.items) else (other, self)
        if long.items[: len(short.items)] != short.items:
            return None
        pairs = zip_longest(short.groups or (0,) * len(short.items), long.groups or (0,) * len(long.items))
        return Sequence(long.items, _numbered(0 if pair == (0, 0) else pair for pair in pairs))


def _of(side: str, sequence: Sequence) -> list[Hashable]:
    return [(side, group) if group else 0 for group in sequence.groups or (0,) * len(sequence.items)]


def _numbered(keys: Iterable[Hashable]) -> tuple[int, ...]:
    """A group for every key, 0 for the key 0; nothing where there is no other."""
    known: dict[Hashable, int] = {0: 0}
    groups = tuple(known.setdefault(key, len(known)) for key in keys)
    return groups if any(groups) else ()
