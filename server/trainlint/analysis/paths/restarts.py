"""Loops over batches that begin anew in each turn: with a new optimizer, or with the first values of the weights."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ...program import effects as fx
from ...program.frameworks.table import keeps_state
from ...program.names import text_of
from ...program.things import Constant, Many, Operation, Partial, Role, Sequence, Tensor, Thing, Value
from ...program.values import alternatives
from ...source.nodes import walk
from ...source.parse import Site
from ..flow.objectives import is_name_of_batches
from ..models.modules import Modules
from ..wiring.kinship import related
from .order import Order, Orders
from .uses import only_trained

# Loops over these have a training of their own in each turn.
_NO_BATCHES = re.compile(
    r"task|fold|seed|episode|image|client|experience|domain|run|trial|epoch|scene|subject|user|phase|param|config|range",
    re.IGNORECASE,
)


class Restart(Enum):
    OPTIMIZER = "a new optimizer"
    MODEL = "a new model"
    STATE = "the values that the weights had before the loop"
    DRAWN = "new first values"


@dataclass(frozen=True, slots=True)
class Restarted:
    """In each turn of `loop` the `thing` is what it was at first, so that the turn before is lost."""

    restart: Restart
    thing: Thing
    place: Site
    loop: ast.AST

    @property
    def name(self) -> str:
        """The model, as it is written."""
        if self.restart in (Restart.OPTIMIZER, Restart.MODEL):
            return self.thing.name
        receiver = getattr(getattr(self.place.node, "func", None), "value", None)
        return text_of(receiver) if receiver is not None else self.thing.name


def restarted(orders: Orders, modules: Modules) -> list[Restarted]:
    found: dict[ast.AST, Restarted] = {}
    for order in orders.all:
        models = list(_models(order, modules))
        for one in (*models, *_optimizers(order, {model.loop for model in models})):
            found.setdefault(one.place.node, one)
    return list(found.values())


def _turn(order: Order, effect: fx.Effect) -> fx.Loop | None:
    """The loop over batches whose every turn comes to `effect`; None where it stands in none, or in another loop inside."""
    loops = [loop for loop in order.loops_around(effect) if loop.repeats]
    if not loops or not _over_batches(loops[-1]) or not order.always_inside(effect, loops[-1]) or order.leaves(loops[-1]):
        return None
    return loops[-1]


def _over_batches(loop: fx.Loop) -> bool:
    """By what it goes over, or by the name of that: a loader, or data."""
    if not isinstance(loop.node, ast.For) or isinstance(loop.over, Partial):
        return False
    called = {id(node.func) for node in walk(loop.node.iter) if isinstance(node, ast.Call)}
    names = [
        node.id if isinstance(node, ast.Name) else node.attr
        for node in walk(loop.node.iter)
        if isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in called
    ]
    values = loop.over.items if isinstance(loop.over, Sequence) else (loop.over,)
    loader = any(isinstance(value, Thing) and value.role is Role.OTHER for value in values)
    return not any(_NO_BATCHES.search(name) for name in names) and (loader or any(is_name_of_batches(name) for name in names))


def _steps(order: Order, loop: fx.Loop, optimizer: Thing) -> list[fx.Step]:
    """The steps of `optimizer` that are made in each turn of `loop` itself, after a backward there."""
    backwards = [one for one in order.all(fx.Backward) if _turn(order, one) is loop]
    return [
        step
        for step in order.all(fx.Step)
        if optimizer in step.optimizers and _turn(order, step) is loop and any(order.before(one, step) for one in backwards)
    ]


def _optimizers(order: Order, begun_anew: set[ast.AST]) -> Iterator[Restarted]:
    for create in order.all(fx.Create):
        optimizer = create.thing
        if optimizer.role is not Role.OPTIMIZER or optimizer.parameters is None or not _learns(optimizer):
            continue
        loop = _turn(order, create)
        owners = optimizer.parameters.owners
        if (
            loop is None
            or loop.node in begun_anew
            or not owners
            or optimizer.parameters.opaque
            or not _steps(order, loop, optimizer)
        ):
            continue
        if not any(_changes(order, loop, owner) for owner in owners):
            yield Restarted(Restart.OPTIMIZER, optimizer, create.site, loop.node)


def _learns(optimizer: Thing) -> bool:
    """It keeps something between its steps."""
    switch = keeps_state(optimizer.created_by or "")
    if isinstance(switch, bool):
        return switch
    given = optimizer.arguments.get(switch.argument)
    if given is None and switch.position is not None and len(optimizer.positional) > switch.position:
        given = optimizer.positional[switch.position]
    return isinstance(given, Constant) and bool(given.value)


def _changes(order: Order, loop: fx.Loop, owner: Thing) -> bool:
    """Each turn has a model of its own, or may have."""
    for moment in order.moments:
        effect = moment.effect
        if not order.inside(effect, loop):
            continue
        touched: tuple[Thing, ...] = ()
        if isinstance(effect, fx.Create) and effect.thing.role is not Role.OPTIMIZER:
            touched = (effect.thing,)
        elif isinstance(effect, (fx.Overwrite, fx.Renew)):
            touched = effect.things
        elif isinstance(effect, fx.Unseen) and effect.may_clear:
            touched = tuple(effect.touches)
        elif isinstance(effect, (fx.Assign, fx.Freeze)):
            value = effect.value if isinstance(effect, fx.Assign) else None
            touched = (value,) if isinstance(value, Thing) and value.role in (Role.MODULE, Role.LEAF, Role.INSTANCE, None) else ()
            touched += tuple(effect.parameters.owners) if isinstance(effect, fx.Freeze) else ()
        if any(related(thing, owner) for thing in touched):
            return True
    return owner.data or not _from_outside(order, loop, owner)


def _from_outside(order: Order, loop: fx.Loop, owner: Thing) -> bool:
    """It is no member of what the loop hands out."""
    handed = {id(node) for node in walk(loop.node.iter)} if isinstance(loop.node, ast.For) else set()
    thing: Thing | None = owner
    while thing is not None:
        if id(thing.node) in handed:
            return False
        thing = thing.parent
    return True


def _models(order: Order, modules: Modules) -> Iterator[Restarted]:
    for moment in order.moments:
        effect = moment.effect
        if isinstance(effect, fx.Create):
            thing, restart = effect.thing, Restart.MODEL
            known = thing.role is Role.MODULE and thing.copy_of is None and modules.has_parameters(thing)
            if not known or not thing.name.isidentifier():
                continue
        elif isinstance(effect, fx.Overwrite) and len(effect.things) == 1:
            thing, restart = effect.things[0], Restart.DRAWN if effect.state is None else Restart.STATE
        else:
            continue
        loop = _turn(order, effect)
        if loop is None or (
            isinstance(effect, fx.Overwrite) and effect.state is not None and not _kept(effect.state, loop, thing)
        ):
            continue
        if restart is Restart.MODEL and not only_trained(loop.node, thing.name):
            continue
        optimizers = [one for one in _held_by(order, thing) if _steps(order, loop, one)]
        if optimizers and not _used_after(order, loop, thing, optimizers[0]):
            yield Restarted(restart, thing, effect.site, loop.node)


def _kept(state: Value, loop: fx.Loop, model: Thing) -> bool:
    """The values were taken before the loop, from another model or as a copy: else they follow the weights."""
    value = state.element if isinstance(state, Many) else state
    if not isinstance(value, Tensor) or value.origin is None:
        return False
    for origin in alternatives(value.origin):
        copied = isinstance(origin, Operation) and origin.name == "deepcopy"
        inner = origin.inputs[0] if isinstance(origin, Operation) and copied else value
        taken = inner.origin if isinstance(inner, Tensor) else None
        if not isinstance(taken, Operation) or not isinstance(origin, Operation) or taken.name != "state_dict":
            return False
        source = taken.inputs[0]
        if any(node is loop.node for node, _ in origin.turns) or not isinstance(source, Thing):
            return False
        if not copied and related(source, model):
            return False
    return True


def _held_by(order: Order, thing: Thing) -> Iterator[Thing]:
    for create in order.all(fx.Create):
        held = create.thing.parameters if create.thing.role is Role.OPTIMIZER else None
        if held is not None and any(thing is owner for owner in held.owners):
            yield create.thing


def _used_after(order: Order, loop: fx.Loop, thing: Thing, optimizer: Thing) -> bool:
    """The turn uses what it has trained: it computes with it, hands it on, or looks at its weights."""
    last = _steps(order, loop, optimizer)[-1]
    for effect in order.after(last):
        if isinstance(effect, fx.Forward):
            used: tuple[Thing, ...] = (effect.thing,)
        elif isinstance(effect, fx.Unseen):
            used = tuple(effect.touches)
        elif isinstance(effect, (fx.Read, fx.Write, fx.Freeze)):
            used = tuple(effect.parameters.owners)
        elif isinstance(effect, fx.Overwrite):
            used = effect.things
        else:
            continue
        if order.inside(effect, loop) and any(related(one, thing) for one in used):
            return True
    return thing.escaped
