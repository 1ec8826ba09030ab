"""What a library trains of a model: what was trainable when it began, until it is compiled again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.things import Constant, Thing
from ..wiring.kinship import related
from .order import Order, Orders

_ATTRIBUTE = "trainable"


@dataclass(frozen=True, slots=True)
class IgnoredChange:
    """`change` sets what is trainable of `model` after `first` has begun to train it: `later` goes on as before.

    `alone`: it stands in no loop.
    """

    change: fx.Assign
    model: Thing
    compiled: fx.Compile
    first: fx.Fit
    later: fx.Fit
    alone: bool


@dataclass(frozen=True, slots=True)
class FrozenModel:
    """`change` freezes the whole of `model` before it is compiled, and `fit` trains it."""

    change: fx.Assign
    model: Thing
    fit: fx.Fit


def ignored_changes(orders: Orders) -> Iterator[IgnoredChange]:
    for order in orders.all:
        for change in _changes(order):
            found = _ignored(order, change)
            if found is not None:
                yield found


def frozen_models(orders: Orders) -> Iterator[FrozenModel]:
    for order in orders.all:
        for change in _changes(order):
            if change.value != Constant(False):
                continue
            later = list(order.after(change))
            compiled = next((one for one in later if isinstance(one, fx.Compile) and one.model is change.thing), None)
            fits = [one for one in later if isinstance(one, fx.Fit) and one.model is change.thing]
            others = [one for one in later if isinstance(one, fx.Assign) and one.attribute == _ATTRIBUTE]
            thawed = any(one is not change and related(one.thing, change.thing) for one in others)
            if compiled is None or not fits or thawed or not order.before(compiled, fits[0]) or _touched(later, change.thing):
                continue
            if order.sure_before(change, compiled) and not order.loops_around(change):
                yield FrozenModel(change, change.thing, fits[0])


def _changes(order: Order) -> Iterator[fx.Assign]:
    for effect in order.all(fx.Assign):
        if effect.attribute == _ATTRIBUTE:
            yield effect


def _ignored(order: Order, change: fx.Assign) -> IgnoredChange | None:
    for first in order.all(fx.Fit):
        model = first.model
        if not order.before(first, change) or not related(change.thing, model):
            continue
        earlier = [one for one in order.until(first) if isinstance(one, fx.Compile) and one.model is model]
        later = list(order.after(change))
        again = next((one for one in later if isinstance(one, (fx.Fit, fx.Compile)) and one.model is model), None)
        if (
            not earlier
            or not isinstance(again, fx.Fit)
            or earlier[-1].options.get("run_eagerly", Constant(False)) != Constant(False)
        ):
            continue
        between = list(order.between(first, again))
        if any(isinstance(one, fx.Compile) and related(change.thing, one.model) for one in between) or _touched(between, model):
            continue
        if any(loop in order.loops_around(first) or loop in order.loops_around(again) for loop in order.loops_around(change)):
            continue
        return IgnoredChange(change, model, earlier[-1], first, again, not order.loops_around(change))
    return None


def _touched(effects: list[fx.Effect], model: Thing) -> bool:
    """Code out of sight may have compiled the model, or changed what is trainable."""
    return any(isinstance(one, fx.Unseen) and any(related(thing, model) for thing in one.touches) for one in effects)
