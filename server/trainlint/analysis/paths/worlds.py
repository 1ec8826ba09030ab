"""Which conditions can hold together: counters and flags along one path of the program."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from math import lcm

from ...program.guards import And, Flag, Fresh, Guard, Known, Not, Periodic, Reached

_LARGE_PERIOD = 6
_STAND_IN = 5
_MAX_CYCLE = 60


@dataclass(eq=False, slots=True)
class Context:
    """What is known on one path: the values of counters and the truths of flags. One object for each such state."""

    counters: Mapping[str, int]
    flags: Mapping[str, bool]


@dataclass(frozen=True)
class Numbers:
    """The values a counter is told apart by: exact below `bound`, by remainder of `cycle` above."""

    bound: int
    cycle: int

    def clamp(self, value: int) -> int:
        if 0 <= value < self.bound:
            return value
        return self.bound + (value - self.bound) % self.cycle

    def everything(self) -> range:
        return range(self.bound + self.cycle)


class Conditions:
    """Evaluates guards.

    Flags are remembered where they are tested more than once (`repeated`). Periods out of sight, and long ones, are
    stood in for by short ones of their own. What is `supposed` to hold, or not, does so all the time.
    """

    def __init__(
        self,
        periods: Mapping[str, Collection[int | str]],
        bounds: Mapping[str, int],
        repeated: frozenset[str],
        supposed: Mapping[Guard, bool],
    ) -> None:
        self.repeated = repeated
        self.supposed = supposed
        self.depends: dict[str, frozenset[str]] = {}
        self._contexts: dict[tuple[frozenset[tuple[str, int]], frozenset[tuple[str, bool]]], Context] = {}
        self.empty = self.context({}, {})
        self.stand_ins: dict[int | str, int] = {}
        taken = iter((3, 4, 5, 7))
        for symbol in sorted({modulus for group in periods.values() for modulus in group if isinstance(modulus, str)}):
            self.stand_ins[symbol] = next(taken, 5)
        self.numbers: dict[str, Numbers] = {}
        for counter, moduli in periods.items():
            cycle = 1
            for modulus in moduli:
                cycle = lcm(cycle, self.period(modulus))
            if cycle <= _MAX_CYCLE:
                self.numbers[counter] = Numbers(min(bounds.get(counter, 0), 12), cycle)

    def period(self, modulus: int | str) -> int:
        if isinstance(modulus, str):
            return self.stand_ins[modulus]
        return modulus if modulus <= _LARGE_PERIOD else _STAND_IN

    def context(self, counters: Mapping[str, int], flags: Mapping[str, bool]) -> Context:
        return self._contexts.setdefault((frozenset(counters.items()), frozenset(flags.items())), Context(counters, flags))

    def count(self, context: Context, counter: str, value: int | None, by: int) -> Iterator[Context]:
        """The contexts after a counter is set or advanced."""
        numbers = self.numbers.get(counter)
        if numbers is None:
            yield context
            return
        before = context.counters.get(counter)
        if by and before is None:
            yield context
        elif before is not None and by:
            yield self.context({**context.counters, counter: _advance(numbers, before, by)}, context.flags)
        else:
            for start in (value,) if value is not None else numbers.everything():
                yield self.context({**context.counters, counter: _enter(numbers, start)}, context.flags)

    def forget(self, context: Context, variable: str) -> Context:
        kept = {key: truth for key, truth in context.flags.items() if variable not in self.depends[key]}
        return context if len(kept) == len(context.flags) else self.context(context.counters, kept)

    def decide(self, guard: Guard, context: Context) -> Iterator[tuple[bool, Context]]:
        """Every way the guard can come out, each with what is then known."""
        supposed = self.supposed.get(guard) if self.supposed else None
        if supposed is not None:
            yield supposed, context
        elif isinstance(guard, Known):
            yield guard.truth, context
        elif isinstance(guard, Fresh):
            yield True, context
            yield False, context
        elif isinstance(guard, Flag):
            if guard.key not in self.repeated:
                yield True, context
                yield False, context
                return
            self.depends.setdefault(guard.key, guard.variables)
            known = context.flags.get(guard.key)
            if known is not None:
                yield known, context
                return
            for truth in (True, False):
                yield truth, self.context(context.counters, {**context.flags, guard.key: truth})
        elif isinstance(guard, (Periodic, Reached)):
            decided = self._number(guard, context.counters.get(guard.counter))
            for option in (True, False) if decided is None else (decided,):
                yield option, context
        elif isinstance(guard, Not):
            for truth, after in self.decide(guard.guard, context):
                yield not truth, after
        else:
            yield from self._several(guard.guards, isinstance(guard, And), context)

    def _several(self, guards: tuple[Guard, ...], conjunction: bool, context: Context) -> Iterator[tuple[bool, Context]]:
        for truth, after in self.decide(guards[0], context):
            if truth is not conjunction or len(guards) == 1:
                yield truth, after
            else:
                yield from self._several(guards[1:], conjunction, after)

    def _number(self, guard: Periodic | Reached, value: int | None) -> bool | None:
        if value is None or guard.counter not in self.numbers:
            return None
        numbers = self.numbers[guard.counter]
        if isinstance(guard, Periodic):
            period = self.period(guard.modulus)
            residue = guard.residue
            if isinstance(guard.modulus, int) and guard.modulus > _LARGE_PERIOD and residue > guard.modulus // 2:
                residue -= guard.modulus
            return (value + guard.offset) % period == residue % period
        shown = value + guard.offset
        if value >= numbers.bound and value != -1:
            if numbers.bound <= abs(guard.value - guard.offset):
                return None
            return False
        return {"==": shown == guard.value, "<": shown < guard.value, "<=": shown <= guard.value}[guard.operator]


def _enter(numbers: Numbers, value: int) -> int:
    """-1 is kept: a counter just before its first turn."""
    return value if value == -1 else numbers.clamp(value)


def _advance(numbers: Numbers, value: int, by: int) -> int:
    return numbers.clamp(value + by) if value != -1 else _enter(numbers, value + by)


__all__ = ["Conditions", "Context"]
