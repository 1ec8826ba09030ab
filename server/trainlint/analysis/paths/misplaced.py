"""Clears of the wrong parameter set: one set is cleared twice in a turn, and another that is differentiated never."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.program import Entry
from ...program.things import Thing
from ..wiring.sets import ParameterSet, Relation, Wiring, wire
from .order import Order
from .protocol import Protocol, StaleStep

_OF_GRADIENTS = (fx.Step, fx.Backward, fx.Clear, fx.Unseen)


@dataclass(frozen=True, slots=True)
class MisplacedClear:
    """`clear` throws away gradients of `other` that `again` throws away as well; it stands where those of `stale` are meant."""

    clear: fx.Clear
    again: fx.Clear
    other: ParameterSet
    stale: StaleStep

    @property
    def receiver(self) -> ast.AST | None:
        """Where it is written whose gradients are cleared."""
        call = self.clear.site.node
        return call.func.value if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None


def misplaced(entry: Entry, protocol: Protocol) -> Iterator[MisplacedClear]:
    if not protocol.stale:
        return
    wiring, order = wire(entry), Order(entry.body)
    for stale in protocol.stale:
        found = _instead(stale, wiring, order) if stale.backward in order and stale.step in order else None
        if found is not None:
            yield found


def _instead(stale: StaleStep, wiring: Wiring, order: Order) -> MisplacedClear | None:
    loop = next((one for one in order.loops_around(stale.backward) if one.node is stale.loop.node), None)
    if loop is None:
        return None
    inside = [effect for effect in order.all(fx.Effect) if order.inside(effect, loop)]
    clears = [effect for effect in inside if isinstance(effect, fx.Clear)]
    backwards = [effect for effect in inside if isinstance(effect, fx.Backward) and order.before(effect, stale.step)]
    for clear in clears:
        other = next((one for one in wiring.sets if _belongs(clear, one, wiring, stale)), None)
        if other is None or not backwards:
            continue
        same = [one for one in clears if wiring.clear(one, other) is Relation.YES]
        if not _introduces(clear, backwards[-1], inside, same, order):
            continue
        steps = [one for one in inside if isinstance(one, fx.Step) and wiring.step(one, other) is Relation.YES]
        again = next((one for one in same if one is not clear), None)
        if again is not None and steps and not any(_serves(clear, step, same, inside) for step in steps):
            return MisplacedClear(clear, again, other, stale)
    return None


def _belongs(clear: fx.Clear, other: ParameterSet, wiring: Wiring, stale: StaleStep) -> bool:
    """It surely clears all of `other`, and nothing of what is stale."""
    mine: list[Thing] = stale.target.optimizers
    if any(optimizer in mine for optimizer in other.optimizers) or wiring.clear(clear, other) is not Relation.YES:
        return False
    own = next((one for one in wiring.sets if any(optimizer in mine for optimizer in one.optimizers)), None)
    return own is not None and wiring.clear(clear, own) is Relation.NO


def _introduces(clear: fx.Clear, backward: fx.Backward, turn: list[fx.Effect], same: list[fx.Clear], order: Order) -> bool:
    """The next that happens to gradients behind it, round the loop, is `backward`, or the `same` clear once more."""
    at = turn.index(clear)
    following = next((effect for effect in (*turn[at + 1 :], *turn[:at]) if isinstance(effect, _OF_GRADIENTS)), None)
    if following is None or order.excludes(clear, following):
        return False
    return following is backward or following in same


def _serves(clear: fx.Clear, step: fx.Step, clears: list[fx.Clear], turn: list[fx.Effect]) -> bool:
    """It is the last clear of its set before a step of that set, going round the loop."""
    at = turn.index(step)
    before = [effect for effect in (*turn[at:], *turn[:at]) if effect in clears]
    return bool(before) and before[-1] is clear
