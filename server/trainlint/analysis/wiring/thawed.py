"""Parameters that are frozen and, before anything is computed with them, set to train again."""

from __future__ import annotations

from dataclasses import dataclass

from ...program import effects as fx
from ...program.things import Thing
from ...source.parse import Site
from ..paths.order import Order, Orders
from .kinship import related


@dataclass(frozen=True, slots=True)
class UndoneFreeze:
    """`module` is frozen at `frozen` and trains again from `thawed` on, with nothing in between that it would matter to.

    `of_a_part`: more than what was frozen is let train.
    """

    module: Thing
    frozen: Site
    thawed: Site
    of_a_part: bool


def undone_freezes(orders: Orders) -> list[UndoneFreeze]:
    found = []
    for order in orders.all:
        freezes = list(order.all(fx.Freeze))
        for index, thaw in enumerate(freezes):
            if thaw.trainable is not True or thaw.parameters.partial or thaw.parameters.opaque:
                continue
            for freeze in freezes[:index]:
                module = _undone(order, freeze, thaw)
                if module is not None and not _frozen_again(orders, thaw, module):
                    found.append(UndoneFreeze(module, freeze.site, thaw.site, thaw.parameters.owners != freeze.parameters.owners))
                    break
    return found


def _undone(order: Order, freeze: fx.Freeze, thaw: fx.Freeze) -> Thing | None:
    if freeze.trainable is not False or not freeze.parameters.owners or freeze.parameters.opaque:
        return None
    inside = all(
        any(owner is one or _part_of(owner, one) for one in thaw.parameters.owners) for owner in freeze.parameters.owners
    )
    if not inside or not order.together(freeze, thaw) or any(_matters(effect) for effect in order.between(freeze, thaw)):
        return None
    return next(iter(freeze.parameters.owners))


def _matters(effect: fx.Effect) -> bool:
    """What looks at the switch, or computes with the parameters."""
    computing = (fx.Backward, fx.Step, fx.Forward, fx.Unseen, fx.Clear)
    return isinstance(effect, (*computing, fx.Create, fx.Overwrite, fx.Renew, fx.Grow, fx.Assign, fx.Attach))


def _frozen_again(orders: Orders, thaw: fx.Freeze, module: Thing) -> bool:
    for order in orders.all:
        later = order.after(thaw) if thaw in order else (moment.effect for moment in order.moments)
        for effect in later:
            if not isinstance(effect, fx.Freeze) or effect.trainable is True:
                continue
            if effect.parameters.opaque or any(related(module, owner) for owner in effect.parameters.owners):
                return True
    return False


def _part_of(thing: Thing, whole: Thing) -> bool:
    while thing.parent is not None and not thing.any_member:
        thing = thing.parent
        if thing is whole:
            return True
    return thing.within(whole) and whole.cls is not None
