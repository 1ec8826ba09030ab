"""What models compute for its own sake, to be looked at and not trained by, while they are in training mode."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...cancel import CancelFlag
from ...program import effects as fx
from ...program.frameworks.table import LOSS_OPERATIONS
from ...program.naming import LOSS, suggests
from ...program.program import Entry, Program
from ...program.things import Operation, Role, Thing
from ...source.nodes import walk
from ...source.parse import Site
from ..flow.ancestry import computed_by
from ..flow.made_up import made_up
from ..flow.values import REARRANGING
from ..models.modules import Content, Modules
from ..wiring.kinship import related
from ..wiring.sets import ParameterSet, Wiring, wire
from .events import Event, Kind
from .lifecycle import Intractable, Paths, Worlds
from .modes import EVAL, TRAIN, UNKNOWN, Modes, content_of
from .order import Order

# From what a model returns to what is compared with the right answers.
_ANSWERING = REARRANGING | {"softmax", "log_softmax", "sigmoid", "argmax", "max", "round", "compare", "gt", "ge", "topk", "exp"}


_SHAPES = frozenset({"size", "shape"})
_PARTS = frozenset({"getitem"})


@dataclass(frozen=True, slots=True)
class NoisyInference:
    """`forward` runs in training mode, for its result to be looked at. `content` is what behaves otherwise then.

    `load` filled the model before, where nothing trains it any more; else it is trained by `step`. `around` is the statement that
    is all evaluation; None where no fix is known.
    """

    forward: fx.Forward
    content: Content
    load: fx.Overwrite | None
    step: fx.Step | None
    around: Site | None


def noisy_inferences(entry: Entry, program: Program, modules: Modules, cancel: CancelFlag) -> Iterator[NoisyInference]:
    """Each model once: the first of its computations of that kind."""
    forwards = [effect for effect in entry.effects if isinstance(effect, fx.Forward) and effect.operation is not None]
    loads = [effect for effect in entry.effects if isinstance(effect, fx.Overwrite) and effect.state is not None]
    candidates = {effect.thing: None for effect in forwards if effect.operation and not effect.operation.recorded}
    candidates |= {effect.thing: None for effect in forwards if any(effect.thing in load.things for load in loads)}
    if not candidates or program.index.look_alikes:
        return
    order, wiring = Order(entry.body), wire(entry)
    for model in candidates:
        if not model.in_sight or model.role is not Role.MODULE or "passed" in model.uses:
            continue
        content, _ = content_of(modules, model)
        if content is None:
            continue
        try:
            in_training = set(_Watcher(wiring, model, entry, cancel).in_training())
        except Intractable:
            continue
        own = [effect for effect in forwards if effect.thing is model and effect in in_training]
        yield from _first(_validations(order, wiring, program, model, own, content))
        own = [effect for effect in own if effect.operation is None or not _tries_shapes(effect.operation, program)]
        yield from _first(_inferences(order, model, own, loads, content))


def _first(found: Iterator[NoisyInference]) -> Iterator[NoisyInference]:
    one = next(found, None)
    if one is not None:
        yield one


class _Watch(Modes):
    """What concerns the mode of one model, and nothing else."""

    def event(self, effect: fx.Effect) -> Event | None:
        if isinstance(effect, (fx.Mode, fx.Forward, fx.Create, fx.Rebind, fx.Assign)):
            return super().event(effect)
        touched = isinstance(effect, fx.Unseen) and any(related(thing, self.model) for thing in effect.touches)
        return Event(Kind.ANYTHING, effect) if touched else None


class _Watcher(Paths):
    """Follows the mode of one model; a token is the mode."""

    def __init__(self, wiring: Wiring, model: Thing, entry: Entry, cancel: CancelFlag) -> None:
        self.view = _Watch(wiring, ParameterSet([], frozenset(), opaque=False), model).view(entry)
        super().__init__(self.view, cancel)
        self.met: dict[fx.Effect, set[str]] = {}

    def without_conditions(self, worlds: Worlds) -> Worlds:
        raise Intractable

    def apply(self, event: Event, token: str) -> tuple[str, ...]:
        effect = event.effect
        if isinstance(effect, fx.Forward):
            self.met.setdefault(effect, set()).add(token)
            return (token,)
        if isinstance(effect, fx.Mode) and event.kind is Kind.MODE:
            return (TRAIN if effect.training else EVAL,)
        if isinstance(effect, fx.Create):
            return (UNKNOWN if effect.thing.copy_of is not None else TRAIN,)
        return (UNKNOWN,)

    def in_training(self) -> Iterator[fx.Effect]:
        """The forwards that run in training mode, whichever way they are come to."""
        self.block(self.view.body, {self.conditions.empty: frozenset({UNKNOWN})})
        return (effect for effect, modes in self.met.items() if modes == {TRAIN})


def _validations(
    order: Order, wiring: Wiring, program: Program, model: Thing, forwards: list[fx.Forward], content: Content
) -> Iterator[NoisyInference]:
    """Answers that are compared with the right ones, without gradients, apart from where the model is trained."""
    sets = [target for target in wiring.sets if any(related(owner, model) for owner in target.owners)]
    steps = [step for step in order.all(fx.Step) if any(step.optimizers[0] in target.optimizers for target in sets)]
    if not steps:
        return
    judged = {operation for measure in program.operations if _measures(measure) for operation in _answers(measure)}
    for forward in forwards:
        operation = forward.operation
        if operation is None or operation.recorded or operation not in judged:
            continue
        loops = [loop for loop in order.loops_around(forward) if loop.repeats]
        if loops and any(order.inside(backward, loops[-1]) for backward in order.all(fx.Backward)):
            continue
        yield NoisyInference(forward, content, None, steps[0], _whole(order, forward))


def _inferences(
    order: Order, model: Thing, forwards: list[fx.Forward], loads: list[fx.Overwrite], content: Content
) -> Iterator[NoisyInference]:
    """What a model computes after its state was loaded, where nothing is trained any more."""
    for load in loads:
        if load.things != (model,) or any(isinstance(effect, (fx.Step, fx.Backward)) for effect in order.after(load)):
            continue
        switched = any(isinstance(effect, fx.Mode) and effect.training is not False for effect in order.after(load))
        for forward in forwards:
            if order.before(load, forward) and not switched:
                yield NoisyInference(forward, content, load, None, load.site)


def _tries_shapes(operation: Operation, program: Program) -> bool:
    """What a model makes of numbers that are made up is looked at for its shape."""
    return made_up(operation.inputs) and any(
        look.name in _SHAPES and operation in computed_by(look.inputs[0], through=_PARTS) for look in program.operations
    )


def _measures(operation: Operation) -> bool:
    """It says how good an answer is, and nothing is trained by it."""
    node = operation.site.node
    if operation.name == "eq":
        return True
    if operation.name == "compare":
        return isinstance(node, ast.Compare) and all(isinstance(kind, ast.Eq) for kind in node.ops)
    callee = operation.callee
    loss = callee is not None and (callee.role is Role.LOSS_FUNCTION or (callee.role is None and suggests(callee.name, LOSS)))
    return not operation.recorded and (loss or operation.name in LOSS_OPERATIONS)


def _answers(measure: Operation) -> Iterator[Operation]:
    """What is judged: computed in one go, not gathered from several."""
    for value in measure.inputs:
        yield from computed_by(value, through=_ANSWERING)


def _whole(order: Order, forward: fx.Forward) -> Site | None:
    """The outermost loop, in its function, around a computation and not around what trains; else its statement."""
    function = forward.site.function
    inside = set(map(id, walk(function)))
    trains = list(order.all(fx.Backward))
    for loop in order.loops_around(forward):
        if id(loop.node) in inside and isinstance(loop.node, ast.stmt) and not any(order.inside(one, loop) for one in trains):
            return Site(loop.node, loop.node, function)
    return forward.site
