"""Classes that a loop out of sight trains: what they do not give it, and what they do although it does it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.handed_to_loops import is_none, loss_of, returns_of
from ...program.hidden_loops import Training, calls_method
from ...program.index import FunctionNode
from ...program.naming import LOSS, suggests
from ...program.program import Program
from ...program.things import NONE, Mapping, Operation, Role, Tensor, Thing
from ...source.parse import Site


@dataclass(frozen=True, slots=True)
class ManualCalls:
    """`calls` of a method do what the loop does too. `constructor` is where the class could say that it does it itself."""

    training: Training
    calls: tuple[fx.Backward | fx.Step, ...]
    constructor: Site | None


@dataclass(frozen=True, slots=True)
class NoLoss:
    """`method` returns no loss, on any path; `lacks` where it returns a dictionary without one. `loss` is what it computes."""

    training: Training
    method: FunctionNode
    returned: ast.Return | None
    lacks: bool
    loss: str | None


@dataclass(frozen=True, slots=True)
class NoOptimizer:
    """`method` builds `optimizer`, and perhaps a schedule of it, and returns nothing. `site` is where it is built, alone in the
    statement `last` where `unnamed`."""

    training: Training
    method: FunctionNode
    optimizer: Thing
    site: Site
    scheduler: Thing | None

    @property
    def last(self) -> Site:
        statement = self.method.body[-1]
        return Site(statement, statement, self.method)

    @property
    def unnamed(self) -> bool:
        statement = self.method.body[-1]
        return isinstance(statement, ast.Expr) and statement.value is self.site.node

    @property
    def ends(self) -> bool:
        """The end of the method is reached, where it could return something."""
        return not isinstance(self.method.body[-1], ast.Return)


def manual_calls(program: Program) -> Iterator[ManualCalls]:
    for training in program.trainings:
        if training.automatic is not True or not training.loop.switch:
            continue
        method = training.loop.differentiate.rpartition(".")[2]
        backwards = [call for call in training.by_hand if isinstance(call, fx.Backward)]
        returned = _returned_by(training)
        if any(calls_method(one, method) or (returned is not None and one.loss.origin is returned) for one in backwards):
            yield ManualCalls(training, tuple(training.by_hand), _constructor(training))


def _returned_by(training: Training) -> Operation | None:
    """What computed the loss that the loop is given."""
    loss = loss_of(training.loop, training.computed) if training.computed is not None else None
    return loss.origin if isinstance(loss, Tensor) and isinstance(loss.origin, Operation) else None


def _constructor(training: Training) -> Site | None:
    """The call of the constructor of its base, in that of the class."""
    own = training.info.methods.get("__init__")
    for statement in own.body if own is not None else ():
        call = statement.value if isinstance(statement, ast.Expr) else None
        if (
            own is not None
            and isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "__init__"
        ):
            return Site(call, statement, own)
    return None


def missing_losses(program: Program) -> Iterator[NoLoss]:
    for training in program.trainings:
        method = training.computes
        if training.automatic is not True or method is None or not training.closed or training.drives:
            continue
        if not _trains(training) or isinstance(method.body[-1], ast.Raise) or _without_optimizer(training):
            continue
        computed = training.computed
        returned = max(returns_of(method), key=lambda one: one.lineno, default=None)
        if computed == NONE:
            yield NoLoss(training, method, returned, False, _loss_of(method))
        elif isinstance(computed, Mapping) and computed.items and not training.loop.first:
            keys = [key for key, _ in computed.items]
            written = returned.value if returned is not None else None
            whole = isinstance(written, ast.Dict) and all(isinstance(key, ast.Constant) for key in written.keys)
            if training.loop.loss not in keys and whole:
                yield NoLoss(training, method, returned, True, None)


def _without_optimizer(training: Training) -> bool:
    """It says itself that nothing is there to step: the loop then only calls it."""
    made = (effect.thing.role for effect in fx.leaves(training.setup) if isinstance(effect, fx.Create))
    return training.builds is not None and training.built == NONE and Role.OPTIMIZER not in made


def _recorded(effect: fx.Forward) -> bool:
    return effect.operation is None or effect.operation.recorded


def _trains(training: Training) -> bool:
    """A model computes something in a turn, or a loss is computed by its name."""
    if any(isinstance(effect, fx.Forward) and _recorded(effect) for effect in fx.leaves(training.turn)):
        return True
    return training.computes is not None and _loss_of(training.computes) is not None


def _loss_of(method: FunctionNode) -> str | None:
    """The variable of the method's own body that is assigned last, of those whose name says that it is a loss."""
    names = [
        target.id
        for statement in method.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and suggests(target.id, LOSS)
    ]
    plain = [name for name in names if name == "loss" or name == "total_loss"]
    return plain[-1] if plain else names[-1] if names else None


def missing_optimizers(program: Program) -> Iterator[NoOptimizer]:
    for training in program.trainings:
        method = training.builds
        if method is None or training.built != NONE or isinstance(method.body[-1], ast.Raise):
            continue
        if any(not is_none(one.value) for one in returns_of(method)):
            continue
        created = [effect for effect in fx.leaves(training.setup) if isinstance(effect, fx.Create)]
        made = [effect for effect in created if effect.thing.role is Role.OPTIMIZER]
        if made and not any(effect.thing.owners or effect.thing.escaped for effect in made):
            scheduler = next((effect.thing for effect in created if effect.thing.role is Role.SCHEDULER), None)
            yield NoOptimizer(training, method, made[-1].thing, made[-1].site, scheduler)
