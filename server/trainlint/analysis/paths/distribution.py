"""Models that are trained by several processes: whether their gradients are averaged."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.program import Entry
from ...program.things import Operation, Thing
from ..flow.ancestry import computed_by
from ..wiring.kinship import related
from ..wiring.sets import ParameterSet, wire
from .order import Order

_INNER = "module"


@dataclass(frozen=True, slots=True)
class BypassedWrapper:
    """`forward` calls what the wrapper holds and not the wrapper, built at `wrapped`; `backward` differentiates its result."""

    forward: fx.Forward
    wrapped: fx.Distribute
    backward: fx.Backward
    certain: bool

    @property
    def called(self) -> ast.Attribute | None:
        """How the model inside is named in the call."""
        func = getattr(self.forward.site.node, "func", None)
        return func if isinstance(func, ast.Attribute) and func.attr == _INNER else None


def bypassed_wrappers(entry: Entry) -> Iterator[BypassedWrapper]:
    wrapped = {thing: effect for effect in entry.effects if isinstance(effect, fx.Distribute) for thing in effect.things}
    inside = [effect for effect in entry.effects if isinstance(effect, fx.Forward) and _wrapper(effect.thing) in wrapped]
    if not inside:
        return
    order, sets = Order(entry.body), wire(entry).sets
    told: set[ast.AST] = set()
    for backward in order.all(fx.Backward):
        graph = computed_by(backward.loss, recorded=True)
        for forward in inside:
            model = _wrapper(forward.thing)
            if model is None or forward.operation not in graph or forward.site.node in told or _calls(graph, model):
                continue
            for target in (one for one in sets if any(related(owner, model) for owner in one.owners)):
                step = _step(order, backward, target)
                if step is not None and not any(_averages(effect, model) for effect in order.between(backward, step)):
                    told.add(forward.site.node)
                    yield BypassedWrapper(forward, wrapped[model], backward, target.certain)
                    break


def _wrapper(thing: Thing) -> Thing | None:
    """The wrapper whose model inside this is: an attribute that nobody assigned."""
    return thing.parent if thing.parent is not None and thing.name.endswith(f".{_INNER}") and not thing.in_sight else None


def _calls(graph: dict[Operation, None], model: Thing) -> bool:
    """The wrapper is called for the same loss, so that all gradients are averaged."""
    return any(operation.callee is model for operation in graph)


def _step(order: Order, backward: fx.Backward, target: ParameterSet) -> fx.Step | None:
    """The next step of the set."""
    steps = (step for step in order.all(fx.Step) if not set(step.optimizers).isdisjoint(target.optimizers))
    return next((step for step in steps if order.before(backward, step)), None)


def _averages(effect: fx.Effect, model: Thing) -> bool:
    """The program looks at gradients of the model, or hands it to code out of sight."""
    if isinstance(effect, (fx.Read, fx.Write, fx.Hook)):
        return effect.parameters.opaque or any(related(owner, model) for owner in effect.parameters.owners)
    return isinstance(effect, fx.Unseen) and any(related(thing, model) for thing in effect.touches)
