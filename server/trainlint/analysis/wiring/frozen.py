"""Optimizers all of whose parameters are frozen when they step."""

from __future__ import annotations

from dataclasses import dataclass

from ...program import effects as fx
from ...program.things import Parameters, Role, Thing
from ...source.parse import Site
from ..paths.order import Order, Orders
from .kinship import may_be, related


@dataclass(frozen=True, slots=True)
class FrozenOptimizer:
    """`optimizer`, built at `built`, holds nothing but what the program froze at `frozen` for good."""

    optimizer: Thing
    built: Site
    frozen: tuple[Site, ...]
    certain: bool


def frozen_optimizers(orders: Orders) -> list[FrozenOptimizer]:
    found = []
    for _, built in orders.effects(fx.Create):
        held = built.thing.parameters if built.thing.role is Role.OPTIMIZER else None
        if held is None or not held.owners or held.opaque or held.partial or held.detached:
            continue
        steps = orders.steps_of(built.thing)
        if not steps or any(thaws(orders, owner) for owner in held.owners):
            continue
        places = [freeze_of(orders, owner, steps) for owner in held.owners]
        if all(places):
            sites = tuple(dict.fromkeys(place for place in places if place is not None))
            certain = all(owner.in_sight for owner in held.owners) and not built.thing.escaped
            found.append(FrozenOptimizer(built.thing, built.site, sites, certain))
    return found


def freeze_of(orders: Orders, owner: Thing, steps: list[tuple[Order, fx.Step]]) -> Site | None:
    """Where all parameters of `owner` are frozen before each of `steps`, and nothing that could train is put in since."""
    for order, freeze in orders.effects(fx.Freeze):
        if freeze.trainable is not False or not covers(freeze.parameters, owner):
            continue
        before = all(
            order.sure_before(freeze, step) if other is order else order.first and not other.first and order.unconditional(freeze)
            for other, step in steps
        )
        if before and not _changed_since(orders, order, freeze, owner):
            return freeze.site
    return None


def covers(parameters: Parameters, owner: Thing) -> bool:
    if parameters.partial or parameters.detached:
        return False
    return any(owner is frozen or _part_of(owner, frozen) for frozen in parameters.owners)


def _part_of(thing: Thing, whole: Thing) -> bool:
    """It is a part of `whole` in its own right, not any of its members."""
    while thing.parent is not None and not thing.any_member:
        thing = thing.parent
        if thing is whole:
            return True
    return False


def thaws(orders: Orders, owner: Thing) -> bool:
    """The program lets some of the parameters train somewhere, or may."""
    return any(
        freeze.trainable is not False
        and (freeze.parameters.opaque or any(may_be(owner, one) for one in freeze.parameters.owners))
        for _, freeze in orders.effects(fx.Freeze)
    )


def _changed_since(orders: Orders, order: Order, freeze: fx.Freeze, owner: Thing) -> bool:
    """The owner gets another part, new parameters, or into the hands of code out of sight."""
    for other in orders.all:
        later = other is order or not other.first
        for effect in order.after(freeze) if other is order else (moment.effect for moment in other.moments):
            if isinstance(effect, (fx.Assign, fx.Attach)):
                part = effect.value if isinstance(effect.value, Thing) and later else None
                changed = part is not None and part.role in (Role.MODULE, Role.LEAF, None) and effect.thing.within(owner)
            elif isinstance(effect, (fx.Renew, fx.Grow)):
                changed = any(related(owner, thing) for thing in effect.things)
            else:
                changed = isinstance(effect, fx.Unseen) and any(related(owner, thing) for thing in effect.touches)
            if changed:
                return True
    return False
