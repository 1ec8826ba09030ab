"""What an accelerator is put in charge of, and what the program then does past it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.frameworks.table import splits
from ...program.program import Entry, Program
from ...program.things import Constant, Role, Thing
from ..wiring.kinship import related
from ..wiring.sets import ParameterSet, Relation, Wiring, wire
from .order import Order, Orders

# Arguments of accelerators without which a backward past them does the same, with what they say then.
_HARMLESS = {"gradient_accumulation_steps": (1,), "mixed_precision": ("no", "bf16", None), "precision": (None, 32, "32-true")}


@dataclass(frozen=True, slots=True)
class PlainBackward:
    """`backward` differentiates itself what `prepared` put an accelerator in charge of, which is `name` there; `certain`: that
    makes a difference."""

    backward: fx.Backward
    prepared: fx.Prepare
    name: str
    certain: bool

    @property
    def receiver(self) -> ast.expr | None:
        """The loss, as it is written before `.backward()`."""
        call = self.backward.site.node
        plain = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and not call.args
        return call.func.value if plain and isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None


@dataclass(frozen=True, slots=True)
class PreparedApart:
    """`optimizer` was built, at `built`, from a model that is prepared later, by another call."""

    optimizer: fx.Prepare
    model: fx.Prepare
    built: fx.Create


def plain_backwards(program: Program, orders: Orders) -> Iterator[PlainBackward]:
    prepared = [effect for _, effect in orders.effects(fx.Prepare)]
    if not prepared:
        return
    helped = {effect.site.function for _, effect in orders.effects(fx.Backward) if effect.through is not None}
    told: set[fx.Backward] = set()
    for entry in program.entries:
        plain = [effect for effect in entry.effects if isinstance(effect, fx.Backward) and _is_plain(effect)]
        wiring = wire(entry, program.index.look_alikes, program.entries) if plain else None
        for target in wiring.sets if wiring is not None else ():
            if not any(_steps(effect, target) for effect in entry.effects):
                continue
            for backward in plain:
                charged = [effect for effect in prepared if _charged(effect, backward, target)]
                if not charged or (backward.site.function in helped and not _feeds(entry, backward, target)):
                    continue
                chosen = _in_charge(orders, charged, backward) if _trains(wiring, backward, target, prepared) else None
                if chosen is not None and backward not in told:
                    told.add(backward)
                    name = program.spelled(chosen.accelerator, backward.site)
                    yield PlainBackward(backward, chosen, name, _matters(chosen.accelerator))


def _is_plain(backward: fx.Backward) -> bool:
    return isinstance(backward.site.node, ast.Call) and backward.through is None and backward.by is None and not backward.scaler


def _feeds(entry: Entry, backward: fx.Backward, target: ParameterSet) -> bool:
    """It is the last backward before a step of the set: where the accelerator differentiates too, others are to look at."""
    last: fx.Backward | None = None
    for effect in entry.effects:
        if isinstance(effect, fx.Backward):
            last = effect
        elif last is backward and _steps(effect, target):
            return True
    return False


def _steps(effect: fx.Effect, target: ParameterSet) -> bool:
    return isinstance(effect, fx.Step) and any(thing in target.optimizers for thing in effect.optimizers)


def _charged(prepared: fx.Prepare, backward: fx.Backward, target: ParameterSet) -> bool:
    """With what belongs to the set; or, where that is out of sight, with a model that the loss comes from."""
    if any(_belongs(thing, target) for thing in prepared.things):
        return True
    models = [thing for thing in prepared.things if _is_model(thing)]
    return not target.owners and any(related(source, thing) for source in backward.loss.sources for thing in models)


def _belongs(thing: Thing, target: ParameterSet) -> bool:
    return thing in target.optimizers or (_is_model(thing) and any(related(thing, owner) for owner in target.owners))


def _trains(wiring: Wiring | None, backward: fx.Backward, target: ParameterSet, prepared: list[fx.Prepare]) -> bool:
    """Its loss comes from a model that was prepared, or gives gradients to what the optimizer holds."""
    models = [thing for effect in prepared for thing in effect.things if _is_model(thing)]
    return any(related(source, thing) for source in backward.loss.sources for thing in models) or (
        wiring is not None and wiring.backward(backward, target) is Relation.YES
    )


def _in_charge(orders: Orders, charged: list[fx.Prepare], backward: fx.Backward) -> fx.Prepare | None:
    """What put an accelerator in charge before `backward`, whatever way that was come to."""
    order = orders.of(backward)
    here = [effect for effect in charged if effect in order]
    if order.one_sure_before(here, backward):
        return [effect for effect in here if order.before(effect, backward)][-1]
    elsewhere = [effect for effect in charged if effect not in order]
    return next((effect for effect in elsewhere if orders.of(effect).unconditional(effect)), None)


def _is_model(thing: Thing) -> bool:
    return thing.role in (Role.MODULE, None) and not thing.data


def _matters(accelerator: Thing) -> bool:
    """It was built to accumulate or scale: what a plain backward leaves out."""
    given = accelerator.arguments
    return accelerator.in_sight and any(
        isinstance(given.get(name), Constant) and given[name] not in [Constant(value) for value in values]
        for name, values in _HARMLESS.items()
    )


def prepared_apart(orders: Orders) -> Iterator[PreparedApart]:
    """Only where preparing replaces the parameters of a model: they are split over processes."""
    for order in orders.all:
        prepares = [effect for effect in order.all(fx.Prepare) if _splits(effect.accelerator)]
        if len(prepares) < 2:
            continue
        for create in order.all(fx.Create):
            optimizer = create.thing
            if optimizer.role is not Role.OPTIMIZER or optimizer.parameters is None or optimizer.parameters.opaque:
                continue
            mine = next((effect for effect in prepares if optimizer in effect.things), None)
            other = _of_model(order, prepares, create) if mine is not None else None
            if mine is not None and other is not None and other is not mine:
                yield PreparedApart(mine, other, create)


def _of_model(order: Order, prepares: list[fx.Prepare], create: fx.Create) -> fx.Prepare | None:
    """Where the model is prepared that an optimizer was built from, after that."""
    owners = create.thing.parameters.owners if create.thing.parameters is not None else frozenset[Thing]()
    for effect in prepares:
        if any(thing.role is Role.MODULE and thing in owners for thing in effect.things) and order.sure_before(create, effect):
            return effect
    return None


def _splits(accelerator: Thing) -> bool:
    """It was built with a plug-in or strategy that splits parameters over processes."""
    given = accelerator.arguments.values()
    return any(
        splits((one.created_by or "") if isinstance(one, Thing) else str(one.value))
        for one in given
        if isinstance(one, (Thing, Constant))
    )
