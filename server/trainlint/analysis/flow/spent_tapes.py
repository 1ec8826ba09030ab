"""Tapes that are asked for gradients again although they forgot what they recorded when they gave the first."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.things import Constant, Thing
from ..paths.order import Order, Orders


@dataclass(frozen=True, slots=True)
class SpentTape:
    """`again` asks `tape` for gradients that it no longer has since `first`; both are one call where a loop repeats it."""

    tape: Thing
    first: fx.Differentiate
    again: fx.Differentiate

    @property
    def repeated(self) -> bool:
        return self.first is self.again


def spent_tapes(orders: Orders) -> Iterator[SpentTape]:
    """The first such call of each tape."""
    told: set[Thing] = set()
    for order in orders.all:
        uses: dict[Thing, list[fx.Differentiate]] = defaultdict(list)
        for effect in order.all(fx.Differentiate):
            tape = effect.operation.arguments.get("tape")
            if isinstance(tape, Thing) and _forgets(tape):
                uses[tape].append(effect)
        for tape, calls in uses.items():
            found = _spent(order, tape, calls)
            if found is not None and tape not in told:
                told.add(tape)
                yield found


def _forgets(tape: Thing) -> bool:
    """It was made in sight, records but once, and keeps nothing once it was asked."""
    if not tape.in_sight or "with" not in tape.uses or tape.uses & {"passed", "reset", "entered by name"} or tape.escaped:
        return False
    persistent = tape.arguments.get("persistent", tape.positional[0] if tape.positional else Constant(False))
    return persistent == Constant(False) and "**" not in tape.arguments


def _spent(order: Order, tape: Thing, calls: list[fx.Differentiate]) -> SpentTape | None:
    made = [create for create in order.all(fx.Create) if create.thing is tape]
    for index, first in enumerate(calls):
        for again in calls[index + 1 :]:
            renewed = any(order.before(first, create) and order.before(create, again) for create in made)
            if again.site.node is not first.site.node and order.sure_before(first, again) and not renewed:
                return SpentTape(tape, first, again)
        around = [loop for loop in order.loops_around(first) if isinstance(loop.node, (ast.For, ast.While))]
        inner = around[-1] if around and len(made) == 1 else None
        if inner is None or not inner.repeats or inner in order.loops_around(made[0]):
            continue
        if order.always_inside(first, inner) and not order.leaves(inner):
            return SpentTape(tape, first, first)
    return None
