"""Learning rates that an optimizer is built with and that a checkpoint replaces before it steps."""

from __future__ import annotations

from dataclasses import dataclass

from ...program import effects as fx
from ...program.things import Constant, Many, Mapping, Operation, Role, Sequence, Tensor, Thing, Value
from ...program.values import things_in
from ...source.parse import Site
from .order import Order, Orders
from .rates import rate_node


@dataclass(frozen=True, slots=True)
class RestoredRate:
    """`optimizer` is built with the rate `rate` at `place`, which the state loaded at `load` replaces, and then steps.

    `saved` is the rate of the optimizer whose state that is, where it is in sight. `one_group`: all its parameters have one rate.
    """

    optimizer: Thing
    place: Site
    rate: float
    load: Site
    saved: float | None
    one_group: bool


def restored_rates(orders: Orders) -> list[RestoredRate]:
    found: list[RestoredRate] = []
    for order in orders.all:
        for load in order.all(fx.Overwrite):
            if len(load.things) != 1 or load.things[0].role is not Role.OPTIMIZER:
                continue
            one = _restored(orders, order, load, load.things[0])
            if one is not None:
                found.append(one)
    return found


def _restored(orders: Orders, order: Order, load: fx.Overwrite, optimizer: Thing) -> RestoredRate | None:
    rate = _rate(optimizer)
    built = next((create for create in order.all(fx.Create) if create.thing is optimizer), None)
    if not rate or built is None or not order.together(built, load):
        return None
    if any(optimizer in step.optimizers and order.before(step, load) for step in order.all(fx.Step)):
        return None
    if not any(optimizer in step.optimizers for _, step in orders.effects(fx.Step)):
        return None
    if _set_otherwise(orders, load, optimizer) or _handed_out(orders, optimizer):
        return None
    givers = [thing for thing in _givers(load.state) if thing is not optimizer]
    saved = _rate(givers[0]) if len(givers) == 1 else None
    if saved == rate or (saved is None and (givers or _is_saved(orders, optimizer))):
        return None
    one_group = not isinstance(optimizer.arguments.get("params"), (Sequence, Mapping))
    return RestoredRate(optimizer, built.site.part(rate_node(built.site.node)), rate, load.site, saved, one_group)


def _rate(optimizer: Thing) -> float | None:
    """The rate it was built with, where that is a number in sight; 0 stands for one that is still to come."""
    given = optimizer.arguments.get("lr")
    value = given.value if isinstance(given, Constant) else None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _givers(state: Value | None) -> list[Thing]:
    """The optimizers in sight whose state is loaded."""
    if isinstance(state, Many):
        return _givers(state.element)
    made = state.origin if isinstance(state, Tensor) else None
    while isinstance(made, Operation) and made.name != "state_dict" and made.inputs:
        inner = made.inputs[0]
        made = inner.origin if isinstance(inner, Tensor) else None
    return list(things_in(made.inputs[0])) if isinstance(made, Operation) and made.inputs else []


def _is_saved(orders: Orders, optimizer: Thing) -> bool:
    """The program keeps the state of its optimizers, so that the one it loads is of an earlier run of its own."""
    kept = [optimizer, *(thing for _, step in orders.effects(fx.Step) for thing in step.optimizers)]
    return any("state_dict" in thing.uses for thing in kept)


def _set_otherwise(orders: Orders, load: fx.Overwrite, optimizer: Thing) -> bool:
    """Something else than the load sets the rate, or may."""
    return any(optimizer in rate.optimizers and rate.site.node is not load.site.node for _, rate in orders.effects(fx.SetRate))


def _handed_out(orders: Orders, optimizer: Thing) -> bool:
    return "passed" in optimizer.uses or any(
        optimizer.within(thing) or optimizer in thing.holds for _, call in orders.effects(fx.Unseen) for thing in call.touches
    )
