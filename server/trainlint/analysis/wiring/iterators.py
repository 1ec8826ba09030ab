"""Iterators over parameters that the program goes through a second time, when nothing is left in them."""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass

from ...program import effects as fx
from ...program.things import Generator
from ...source.parse import Site
from ..paths.order import Order, Orders


@dataclass(frozen=True, slots=True)
class UsedUp:
    """At `place` nothing is left of `generator`: it was gone through at `before`, or there in the turn before (None)."""

    generator: Generator
    place: Site
    before: Site | None

    @property
    def written(self) -> str:
        return ast.unparse(self.generator.node)


def used_up(orders: Orders) -> list[UsedUp]:
    """Every place that finds an iterator empty, once."""
    uses: dict[Generator, list[tuple[Order, fx.Exhaust]]] = defaultdict(list)
    for order, effect in orders.effects(fx.Exhaust):
        uses[effect.generator].append((order, effect))
    found: dict[ast.AST, UsedUp] = {}
    for generator, known in uses.items():
        for order, second in known:
            if not second.sure:
                continue
            first = next((one.site for other, one in known if one.sure and _comes_before(other, one, order, second)), None)
            if first is not None or _in_later_turn(generator, order, second):
                found.setdefault(second.site.node, UsedUp(generator, second.site, first))
    return list(found.values())


def _comes_before(order: Order, one: fx.Exhaust, other_order: Order, other: fx.Exhaust) -> bool:
    if order is other_order:
        return order.sure_before(one, other)
    return order.first and not other_order.first and order.unconditional(one)


def _in_later_turn(generator: Generator, order: Order, use: fx.Exhaust) -> bool:
    """A loop that the iterator was made outside of comes back to `use`."""
    made_in = {node for node, _ in generator.turns}
    for loop in order.loops_around(use):
        if loop.repeats and loop.node not in made_in and isinstance(loop.node, (ast.For, ast.While, ast.AsyncFor)):
            return not order.leaves(loop)
    return False
