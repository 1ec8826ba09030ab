"""Things that may be related, gathered into families, since asking of every two of them takes too long."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ...program.things import Thing


class Families:
    """Things that are related, directly or by others, are of one family; those of different families are not related."""

    def __init__(self) -> None:
        self._head: dict[object, object] = {}
        self._gathered: dict[Thing, None] = {}
        self._members: dict[object, list[Thing]] | None = None
        self._known = 0

    def gather(self, things: Iterable[Thing]) -> None:
        """Enter `things`, to be found again by `near`."""
        for thing in things:
            self.enter(thing)
            self._gathered[thing] = None

    def near(self, things: Collection[Thing]) -> list[Thing]:
        """Those that were gathered and may be related to one of `things`."""
        for thing in things:
            self.enter(thing)
        if self._members is None or len(self._head) != self._known:
            self._known, self._members = len(self._head), {}
            for thing in self._gathered:
                self._members.setdefault(self._find(thing), []).append(thing)
        heads = dict.fromkeys(self._find(thing) for thing in things)
        return [member for head in heads for member in self._members.get(head, ())]

    def of(self, thing: Thing) -> object:
        """What stands for the family of a thing that was entered."""
        return self._find(thing)

    def enter(self, thing: Thing) -> None:
        if thing in self._head:
            return
        waiting = [thing]
        self._head[thing] = thing
        while waiting:
            one = waiting.pop()
            kin: list[object] = [*one.owners, *one.holds]
            if one.parent is not None:
                kin.append(one.parent)
            if one.cls is not None:
                kin += one.cls.lineage()
            for other in kin:
                if other not in self._head:
                    self._head[other] = other
                    if isinstance(other, Thing):
                        waiting.append(other)
                self._head[self._find(other)] = self._find(one)

    def _find(self, one: object) -> object:
        head = self._head[one]
        while head is not self._head[head]:
            self._head[one] = head = self._head[head]
        return head
