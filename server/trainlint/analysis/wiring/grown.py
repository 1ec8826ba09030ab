"""Models that get new parameters, as adapters are, when their optimizer exists already."""

from __future__ import annotations

from dataclasses import dataclass

from ...program import effects as fx
from ...program.things import Role, Thing
from ...source.parse import Site
from ..paths.order import Order, Orders
from .kinship import related


@dataclass(frozen=True, slots=True)
class LateParameters:
    """At `place`, `model` gets parameters that `optimizer`, built at `built`, does not hold.

    `frozen`: those that it holds do not train from there on. `scheduled`: something else was built around the optimizer.
    """

    optimizer: Thing
    built: Site
    place: Site
    model: Thing
    frozen: bool
    scheduled: bool
    certain: bool


def late_parameters(orders: Orders) -> list[LateParameters]:
    found = []
    for order, grown in orders.effects(fx.Grow):
        for built in order.until(grown):
            if not isinstance(built, fx.Create) or built.thing.role is not Role.OPTIMIZER or order.excludes(built, grown):
                continue
            model = _held(built.thing, grown)
            if model is None or _held_anew(orders, order, grown, model) or not _steps(orders, order, built.thing, grown):
                continue
            scheduled = any(
                isinstance(effect, fx.Create) and built.thing in effect.thing.holds for effect in order.between(built, grown)
            )
            certain = grown.frozen and order.sure_before(built, grown) and not built.thing.escaped
            found.append(LateParameters(built.thing, built.site, grown.site, model, grown.frozen, scheduled, certain))
    return found


def _held(optimizer: Thing, grown: fx.Grow) -> Thing | None:
    """What grows, where the optimizer holds it or a part of it."""
    owners = optimizer.parameters.owners if optimizer.parameters is not None else frozenset()
    return next((thing for thing in grown.things if any(related(thing, owner) for owner in owners)), None)


def _held_anew(orders: Orders, order: Order, grown: fx.Grow, model: Thing) -> bool:
    """Some optimizer holds the new parameters, or may hold them."""
    for _, extend in orders.effects(fx.Extend):
        if extend.parameters.opaque or any(related(model, owner) for owner in extend.parameters.owners):
            return True
    for other, create in orders.effects(fx.Create):
        held = create.thing.parameters if create.thing.role is Role.OPTIMIZER else None
        if held is None or (other is order and order.before(create, grown)):
            continue
        if held.opaque or any(related(model, owner) for owner in held.owners):
            return True
    return any(
        isinstance(effect, fx.Unseen) and any(thing.role is Role.OPTIMIZER for thing in effect.touches)
        for effect in order.after(grown)
    )


def _steps(orders: Orders, order: Order, optimizer: Thing, grown: fx.Grow) -> bool:
    """It steps later on, and had not yet when the model grew: nobody has trained without the new parameters on purpose."""
    steps = [(other, step) for other, step in orders.effects(fx.Step) if optimizer in step.optimizers]
    if any(other is order and order.before(step, grown) for other, step in steps):
        return False
    return any(order.before(grown, step) if other is order else order.first and not other.first for other, step in steps)
