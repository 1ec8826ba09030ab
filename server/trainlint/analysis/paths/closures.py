"""Functions that optimizers run to compute gradients, and what is wrong with them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ...program import effects as fx
from ...program.effects import leaves
from ...program.frameworks.table import closure_runs, maker
from ...program.program import Program
from ...program.things import NONE, Constant, Role, Thing
from ...source.parse import Site

_MAY_CLEAR = (fx.Clear, fx.Write, fx.Hook)


class Defect(Enum):
    """What is wrong with a step through a closure."""

    ADDS_UP = "the closure runs several times and never clears"
    NO_RESULT = "the closure returns nothing where its loss is needed"
    MISSING = "there is no closure"
    NO_FUNCTION = "a tensor is given where a function belongs"


@dataclass(frozen=True, slots=True)
class BrokenClosure:
    """`step` and what is wrong with its closure; `backward` is the one in the closure, `end` its last statement."""

    step: fx.Step | fx.Misstep
    defect: Defect
    backward: fx.Backward | None = None
    end: Site | None = None


def broken_closures(program: Program) -> Iterator[BrokenClosure]:
    for entry in program.entries:
        for effect in entry.effects:
            found = None
            if isinstance(effect, fx.Misstep) and all(map(_of_a_library, effect.optimizers)):
                found = BrokenClosure(effect, Defect.NO_FUNCTION)
            elif isinstance(effect, fx.Step) and effect.optimizers and all(map(_needs_closure, effect.optimizers)):
                found = _examine(effect)
            if found is not None:
                yield found


def end_of(closure: fx.Closure) -> Site | None:
    """The last statement of a closure; None where it is an expression."""
    if isinstance(closure.node, ast.Lambda):
        return None
    last = closure.node.body[-1]
    return Site(last, last, closure.node)


def returned_name(closure: fx.Closure) -> str | None:
    """The variable that the last statement of a closure returns."""
    end = end_of(closure)
    value = end.statement.value if end is not None and isinstance(end.statement, ast.Return) else None
    return value.id if isinstance(value, ast.Name) else None


def computes(closure: fx.Closure) -> bool:
    """A model computes something in it."""
    return any(isinstance(effect, fx.Forward) for effect in leaves(closure.body))


def _examine(step: fx.Step) -> BrokenClosure | None:
    closure = step.closure
    if closure is None:
        return BrokenClosure(step, Defect.MISSING) if step.through is None and step.scaler is None else None
    inside = list(leaves(closure.body))
    backward = next((effect for effect in inside if isinstance(effect, fx.Backward)), None)
    if backward is None:
        return None
    if closure.returned == NONE:
        return BrokenClosure(step, Defect.NO_RESULT, backward, end_of(closure))
    acts = any(isinstance(effect, _MAY_CLEAR) or (isinstance(effect, fx.Unseen) and _may_clear(effect)) for effect in inside)
    if acts or not all(map(_repeats, step.optimizers)):
        return None
    return BrokenClosure(step, Defect.ADDS_UP, backward)


def _may_clear(effect: fx.Unseen) -> bool:
    return effect.may_clear or any(thing.role is Role.OPTIMIZER for thing in effect.touches)


def _of_a_library(thing: Thing) -> bool:
    return thing.cls is None and thing.created_by is not None and maker(thing.created_by) is Role.OPTIMIZER


def _needs_closure(thing: Thing) -> bool:
    return thing.cls is None and closure_runs(thing.created_by or "") is not None


def _repeats(optimizer: Thing) -> bool:
    """It runs its closure more than once in a step."""
    runs = closure_runs(optimizer.created_by or "")
    if runs is None or "**" in optimizer.arguments:
        return False
    given = optimizer.arguments.get(runs.argument)
    if given is None and runs.position is not None and len(optimizer.positional) > runs.position:
        given = optimizer.positional[runs.position]
    if given is None:
        return runs.default > 1
    return isinstance(given, Constant) and isinstance(given.value, int) and given.value > 1
