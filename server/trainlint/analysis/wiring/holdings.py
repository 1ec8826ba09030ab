"""Optimizers that do not hold what the model is made of when they step: what was replaced since they were built."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ...program import effects as fx
from ...program.program import Program
from ...program.things import Role, Thing
from ...source.parse import Site
from ..models.modules import Modules
from ..paths.order import Order, Orders
from .kinship import may_be, related


@dataclass(frozen=True, slots=True)
class NewLayer:
    """`layer` takes its place in a model after `optimizer` was built over that, at `built`.

    `named`: it is written as what is assigned to. `scheduled`: with a scheduler around the optimizer.
    """

    optimizer: Thing
    built: Site
    place: Site
    layer: Thing
    written: str
    named: bool
    scheduled: bool
    certain: bool


@dataclass(frozen=True, slots=True)
class NewModel:
    """What is trained from `place` on has parameters that `optimizer`, built before, does not hold.

    `copied`: it is a copy of the model that the optimizer holds. `renewed`: it is the same object with new parameters.
    """

    optimizer: Thing
    built: Site
    place: Site
    model: Thing
    old: Thing
    copied: bool
    renewed: bool
    scheduled: bool
    certain: bool


class Holdings:
    def __init__(self, program: Program, orders: Orders, modules: Modules) -> None:
        self._program = program
        self._orders = orders
        self._modules = modules

    @cached_property
    def new_layers(self) -> list[NewLayer]:
        return [found for order in self._orders.all for built in self._built(order) for found in self._layers(order, built)]

    @cached_property
    def new_models(self) -> list[NewModel]:
        return [found for order in self._orders.all for built in self._built(order) for found in self._models(order, built)]

    def explains(self, optimizers: list[Thing]) -> bool:
        """One of them steps without gradients, since its model was replaced."""
        return any(new.optimizer in optimizers for new in self.new_models)

    def _built(self, order: Order) -> Iterator[fx.Create]:
        for create in order.all(fx.Create):
            if create.thing.role is Role.OPTIMIZER and create.thing.parameters is not None and create.thing.parameters.owners:
                yield create

    def _layers(self, order: Order, built: fx.Create) -> Iterator[NewLayer]:
        optimizer = built.thing
        owners = optimizer.parameters.owners if optimizer.parameters is not None else frozenset()
        for assign in order.after(built, fx.Assign, fx.Attach):
            if not isinstance(assign, (fx.Assign, fx.Attach)) or not isinstance(assign.value, Thing):
                continue
            layer, holder = assign.value, assign.thing
            if not layer.in_sight or layer in owners or not any(holder.within(owner) for owner in owners):
                continue
            if not self._has_parameters(layer) or self._is_frozen(layer) or not self._is_used(holder, assign.attribute):
                continue
            if self._is_held(order, layer, holder, assign) or not self._steps(order, optimizer, assign):
                continue
            named = isinstance(assign.site.node, (ast.Attribute, ast.Subscript))
            yield NewLayer(
                optimizer,
                built.site,
                assign.site,
                layer,
                ast.unparse(assign.site.node) if named else assign.attribute,
                named,
                self._scheduled(order, optimizer, assign),
                optimizer.in_sight and not optimizer.escaped and order.sure_before(built, assign),
            )

    def _has_parameters(self, thing: Thing) -> bool:
        return thing.role in (Role.MODULE, Role.LEAF) and bool(self._modules.has_parameters(thing))

    def _is_frozen(self, thing: Thing) -> bool:
        """Some of its parameters are, or may be, at some time."""
        frozen = [effect.parameters for _, effect in self._orders.effects(fx.Freeze) if effect.trainable is not True]
        return any(parameters.opaque or any(may_be(thing, owner) for owner in parameters.owners) for parameters in frozen)

    def _is_used(self, holder: Thing, attribute: str) -> bool:
        """Where the model's class is in sight, one of its methods other than the constructor mentions the attribute."""
        if holder.cls is None or attribute.startswith("["):
            return True
        functions = self._program.index.functions
        return any(
            attribute in functions[method].words
            for info in holder.cls.lineage()
            for name, method in info.methods.items()
            if name != "__init__"
        )

    def _is_held(self, order: Order, layer: Thing, holder: Thing, since: fx.Effect) -> bool:
        """An optimizer was given the layer by itself, or may have been given it since."""
        for _, extend in self._orders.effects(fx.Extend):
            if extend.parameters.opaque or any(related(layer, owner) for owner in extend.parameters.owners):
                return True
        for other, create in self._orders.effects(fx.Create):
            held = create.thing.parameters if create.thing.role is Role.OPTIMIZER else None
            if held is None:
                continue
            if any(owner is layer or _inside(owner, layer) for owner in held.owners):
                return True
            later = other is not order or order.before(since, create)
            if later and (held.opaque or any(related(holder, owner) or related(layer, owner) for owner in held.owners)):
                return True
        created = next((create for create in order.all(fx.Create) if create.thing is layer), None)
        if created is None or not order.before(created, since):
            return True
        if any(owner is not holder for owner in layer.owners):
            return True
        return any(
            isinstance(effect, fx.Unseen)
            and any(thing.role is Role.OPTIMIZER for thing in effect.touches)
            and any(related(holder, thing) for thing in effect.touches if thing.role is not Role.OPTIMIZER)
            for effect in order.after(since)
        )

    def _steps(self, order: Order, optimizer: Thing, since: fx.Effect) -> bool:
        """It steps later on."""
        steps = self._orders.steps_of(optimizer)
        return any(order.first if other is not order else _later(order, since, step) for other, step in steps)

    def _scheduled(self, order: Order, optimizer: Thing, until: fx.Effect) -> bool:
        """A scheduler, or another object, was built around it."""
        return any(
            isinstance(effect, fx.Create) and optimizer in effect.thing.holds and order.before(effect, until)
            for effect in order.all(fx.Create)
        )

    def _models(self, order: Order, built: fx.Create) -> Iterator[NewModel]:
        optimizer = built.thing
        owners = optimizer.parameters.owners if optimizer.parameters is not None else frozenset()
        named = {create for owner in owners for create in order.creations(owner.name)}
        for effect in order.sorted_after(built, (*named, *order.all(fx.Renew))):
            if isinstance(effect, fx.Create):
                model = effect.thing
                replaced = [owner for owner in owners if _stands_for(model, owner)]
                if len(replaced) != 1 or not model.in_sight or self._is_frozen(model):
                    continue
                if model.copy_of not in owners and not self._has_parameters(model):
                    continue
            elif isinstance(effect, fx.Renew) and effect.things and not order.chosen_in_call(effect):
                model = effect.things[0]
                replaced = [owner for owner in owners if owner is model]
            else:
                continue
            if len(replaced) != 1 or self._holds_anew(order, model, effect) or self._by_hand(model, replaced[0]):
                continue
            renewed = isinstance(effect, fx.Renew)
            if any(
                self._trained_by(*found, optimizer, model, replaced[0], order, effect)
                for found in self._orders.effects(fx.Backward)
            ):
                yield NewModel(
                    optimizer,
                    built.site,
                    effect.site,
                    model,
                    replaced[0],
                    model.copy_of is not None and not renewed,
                    renewed,
                    self._scheduled(order, optimizer, effect),
                    order.sure_before(built, effect),
                )

    def _holds_anew(self, order: Order, model: Thing, since: fx.Effect) -> bool:
        """Some optimizer holds the new parameters, or may hold them."""
        for _, extend in self._orders.effects(fx.Extend):
            if extend.parameters.opaque or any(related(model, owner) for owner in extend.parameters.owners):
                return True
        renewed = isinstance(since, fx.Renew)
        for other, create in self._orders.effects(fx.Create):
            held = create.thing.parameters if create.thing.role is Role.OPTIMIZER else None
            if held is None or (renewed and other is order and not order.before(since, create)):
                continue
            if any(related(model, owner) for owner in held.owners) or (held.opaque and other is order):
                return True
        return any(
            isinstance(effect, fx.Unseen) and effect.may_clear and any(thing.role is Role.OPTIMIZER for thing in effect.touches)
            for effect in order.after(since)
        )

    def _by_hand(self, model: Thing, old: Thing) -> bool:
        """The program looks at the gradients of the one, or writes those of the other."""
        for order in self._orders.all:
            looked = [effect.parameters for effect in order.all(fx.Read)]
            written = [effect.parameters for effect in order.all(fx.Write)]
            for parameters in (*looked, *written):
                if parameters.opaque or any(related(thing, owner) for thing in (model, old) for owner in parameters.owners):
                    return True
        return False

    def _trained_by(
        self, order: Order, backward: fx.Backward, optimizer: Thing, model: Thing, old: Thing, start: Order, since: fx.Effect
    ) -> bool:
        """`backward` differentiates the new model and not the old one, and the old optimizer steps then."""
        sources = backward.loss.sources
        if not (_later(order, since, backward) if order is start else start.first and not order.first):
            return False
        if not any(source.within(model) for source in sources):
            return False
        if old is not model and any(related(source, old) for source in sources):
            return False
        return any(optimizer in step.optimizers and order.before(backward, step) for step in order.all(fx.Step))


def _later(order: Order, one: fx.Effect, other: fx.Effect) -> bool:
    """`other` may happen after `one`: it stands behind it, or a loop leads back to it."""
    if order.before(one, other):
        return True
    return any(loop.repeats and order.inside(other, loop) for loop in order.loops_around(one))


def _stands_for(model: Thing, old: Thing) -> bool:
    """It is a copy of the old one, or has its name and so takes its place."""
    return model is not old and (model.copy_of is old or (bool(model.name) and model.name == old.name))


def _inside(thing: Thing, outer: Thing) -> bool:
    """`thing` is a part of `outer` in its own right."""
    while thing.parent is not None:
        thing = thing.parent
        if thing is outer:
            return True
    return False
