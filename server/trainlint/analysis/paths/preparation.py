"""What an accelerator is put in charge of, and what the program then does past it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.frameworks.table import splits
from ...program.things import Constant, Role, Thing
from ..wiring.sets import related
from .order import Order, Orders

# Arguments of accelerators without which a backward past them does the same, with what they say then.
_HARMLESS = {"gradient_accumulation_steps": (1,), "mixed_precision": ("no", "bf16", None), "precision": (None, 32, "32-true")}


@dataclass(frozen=True, slots=True)
class PlainBackward:
    """`backward` differentiates itself what `prepared` put an accelerator in charge of; `certain`: that makes a difference."""

    backward: fx.Backward
    prepared: fx.Prepare
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


def plain_backwards(orders: Orders) -> Iterator[PlainBackward]:
    prepared = [(order, effect) for order, effect in orders.effects(fx.Prepare) if order.unconditional(effect)]
    if not prepared:
        return
    helped = {effect.site.function for _, effect in orders.effects(fx.Backward) if effect.through is not None}
    for order, backward in orders.effects(fx.Backward):
        if backward.through is not None or backward.by is not None or backward.scaler or backward.site.function in helped:
            continue
        steps = [thing for step in order.all(fx.Step) for thing in step.optimizers]
        for where, effect in prepared:
            if where is order and not order.sure_before(effect, backward):
                continue
            trained = any(
                _is_model(thing) and any(related(source, thing) for source in backward.loss.sources) for thing in effect.things
            )
            if trained and any(thing in steps for thing in effect.things) and not effect.accelerator.optional:
                yield PlainBackward(backward, effect, _matters(effect.accelerator))
                break


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
