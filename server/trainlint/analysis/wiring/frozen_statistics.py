"""Batch norm in frozen parts of a model that goes on to learn its statistics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.things import Role, Thing
from ...source.parse import Site
from ..flow.gradients import Gradients
from ..models.modules import Content, Modules
from ..paths.order import Order, Orders
from .frozen import freeze_of, thaws
from .kinship import related


@dataclass(frozen=True, slots=True)
class DriftingStatistics:
    """`module` is frozen at `frozen` for good, and its batch norms go on with new statistics: it is in training mode.

    `mode` is where it is set to that; None where it is so from the start. `alone`: the freeze is a statement of its own.
    """

    module: Thing
    frozen: Site
    mode: Site | None
    alone: bool


def drifting_statistics(orders: Orders, modules: Modules, gradients: Gradients) -> Iterator[DriftingStatistics]:
    told: set[Thing] = set()
    steps = list(orders.effects(fx.Step))
    for order, freeze in orders.effects(fx.Freeze):
        parameters = freeze.parameters
        if freeze.trainable is not False or parameters.opaque or parameters.partial or parameters.detached or not steps:
            continue
        for module in parameters.owners:
            if module in told or module.role is not Role.MODULE or not modules.contains(module, Content.BATCH_NORM):
                continue
            if (
                _has_twin(orders, module)
                or thaws(orders, module)
                or _in_other_hands(orders, module)
                or freeze_of(orders, module, steps) is None
            ):
                continue
            found, mode = _training_mode(orders, order, freeze, module)
            if found and _is_trained_through(orders, gradients, module):
                told.add(module)
                yield DriftingStatistics(module, freeze.site, mode, not order.loops_around(freeze))


def _has_twin(orders: Orders, module: Thing) -> bool:
    """It is a copy, or there is one of it: a teacher that follows its student has statistics of its own."""
    whole: Thing | None = module
    while whole is not None:
        if whole.copy_of is not None:
            return True
        whole = whole.parent
    copies = [create.thing.copy_of for _, create in orders.effects(fx.Create) if create.thing.copy_of is not None]
    return any(related(module, copied) for copied in copies)


def _in_other_hands(orders: Orders, module: Thing) -> bool:
    """Code out of sight gets it, and may set its mode."""
    return any(related(module, thing) for _, call in orders.effects(fx.Unseen) for thing in call.touches)


def _training_mode(orders: Orders, order: Order, freeze: fx.Freeze, module: Thing) -> tuple[bool, Site | None]:
    """Whether it is in training mode when it trains, and where it is set to that after it was frozen."""
    to_train: list[tuple[Order, fx.Mode]] = []
    ever_off = False
    for other, mode in orders.effects(fx.Mode):
        if mode.training is True:
            if any(module.within(thing) for thing in mode.things):
                to_train.append((other, mode))
        elif any(thing.within(module) or (thing.any_member and related(thing, module)) for thing in mode.things):
            return False, None
        else:
            ever_off |= any(related(module, thing) for thing in mode.things)
    later = [mode for other, mode in to_train if (order.before(freeze, mode) if other is order else order.first)]
    if later:
        return True, later[0].site
    return not ever_off and module.in_sight, None


def _is_trained_through(orders: Orders, gradients: Gradients, module: Thing) -> bool:
    """A loss that is differentiated depends on it."""
    return any(related(module, one) for _, backward in orders.effects(fx.Backward) for one in gradients.of(backward).models)
