"""Which conditions can hold together: counters and flags along one path of the program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import lcm

from ..program.guards import And, Flag, Fresh, Guard, Known, Not, Periodic, Reached

_LARGE_PERIOD = 6
_STAND_IN = 5
_MAX_CYCLE = 60

Context = tuple[tuple[tuple[str, int], ...], tuple[tuple[str, bool], ...]]
EMPTY: Context = ((), ())


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
    stood in for by short ones of their own.
    """

    def __init__(self, periods: dict[str, set[int | str]], bounds: dict[str, int], repeated: frozenset[str]) -> None:
        self.repeated = repeated
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

    def count(self, context: Context, counter: str, value: int | None, by: int) -> Iterator[Context]:
        """The contexts after a counter is set or advanced."""
        numbers = self.numbers.get(counter)
        if numbers is None:
            yield context
            return
        counters = dict(context[0])
        if by:
            if counter not in counters:
                yield context
                return
            counters[counter] = _advance(numbers, counters[counter], by)
            yield tuple(sorted(counters.items())), context[1]
            return
        for start in (value,) if value is not None else numbers.everything():
            yield tuple(sorted((counters | {counter: _enter(numbers, start)}).items())), context[1]

    def forget(self, context: Context, variable: str, depends: dict[str, frozenset[str]]) -> Context:
        kept = tuple((key, truth) for key, truth in context[1] if variable not in depends.get(key, frozenset()))
        return context if len(kept) == len(context[1]) else (context[0], kept)

    def decide(self, guard: Guard, context: Context, depends: dict[str, frozenset[str]]) -> Iterator[tuple[bool, Context]]:
        """Every way the guard can come out, each with what is then known."""
        if isinstance(guard, Known):
            yield guard.truth, context
        elif isinstance(guard, Fresh):
            yield True, context
            yield False, context
        elif isinstance(guard, Flag):
            if guard.key not in self.repeated:
                yield True, context
                yield False, context
                return
            depends.setdefault(guard.key, guard.variables)
            known = dict(context[1]).get(guard.key)
            for truth in (True, False) if known is None else (known,):
                yield truth, context if known is not None else (context[0], tuple(sorted((*context[1], (guard.key, truth)))))
        elif isinstance(guard, (Periodic, Reached)):
            decided = self._number(guard, dict(context[0]).get(guard.counter))
            for option in (True, False) if decided is None else (decided,):
                yield option, context
        elif isinstance(guard, Not):
            for truth, after in self.decide(guard.guard, context, depends):
                yield not truth, after
        else:
            yield from self._several(guard.guards, isinstance(guard, And), context, depends)

    def _several(
        self, guards: tuple[Guard, ...], conjunction: bool, context: Context, depends: dict[str, frozenset[str]]
    ) -> Iterator[tuple[bool, Context]]:
        for truth, after in self.decide(guards[0], context, depends):
            if truth is not conjunction or len(guards) == 1:
                yield truth, after
            else:
                yield from self._several(guards[1:], conjunction, after, depends)

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


__all__ = ["EMPTY", "Conditions", "Context"]
