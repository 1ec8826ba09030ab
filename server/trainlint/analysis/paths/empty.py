"""Steps that find nothing to apply, and why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ...program import effects as fx
from ...program.naming import names_scheduler
from ...program.program import Entry, Program
from ...program.things import Role, Tensor
from ..flow.gradients import is_a_module
from ..wiring.sets import ParameterSet, Wiring
from .alternatives import Alternatives, Arm
from .events import Event, Kind, View
from .lifecycle import CLEAR, FRESH, LOST, UNKNOWN, Lifecycle, Token
from .thrown import backward_of, clear_of

_BRINGING = frozenset({Kind.ANYTHING, Kind.OTHER, Kind.COMPUTE, Kind.WRITE})


class Emptiness(Enum):
    """Why a step finds nothing to apply."""

    CLEARED = "a clear comes between the backward and the step"
    TOO_EARLY = "the step comes before the backward"
    NO_BACKWARD = "no backward comes before the step"


@dataclass(frozen=True, slots=True)
class EmptyStep:
    """`step` finds nothing to apply on any path, or on any through the arm `where`. `backward` and `clear` are those that
    explain it.

    Where no backward serves the step, `backward` is one beside it that reaches other parameters.
    """

    step: fx.Step
    why: Emptiness
    backward: fx.Backward | None
    clear: fx.Clear | None
    target: ParameterSet
    where: Arm | None = None


def empty_steps(
    entry: Entry,
    program: Program,
    target: ParameterSet,
    view: View,
    seen: Lifecycle,
    elsewhere: set[fx.Effect],
    alternatives: Alternatives,
) -> Iterator[EmptyStep]:
    """Those of a set as it was followed; `elsewhere` is what other sets use of its view."""
    if _written_elsewhere(view):
        return
    for step, tokens in seen.steps.items():
        empty = {token for token in tokens if token.state == CLEAR}
        if not empty or not _first_turns_only(tokens - empty, step, seen) or _begins_a_schedule(step, entry, target):
            continue
        passing = _passing(entry, program, step, target, view, seen, elsewhere)
        passing |= {event for event in view.events if alternatives.exclude(event.effect, step.effect)}
        why, backward, clear = _explain(step, empty, view, seen, elsewhere, passing)
        if why is Emptiness.NO_BACKWARD and not _trains(step, entry, program, target):
            continue
        assert isinstance(step.effect, fx.Step)
        if why is Emptiness.NO_BACKWARD:
            backward = _astray(entry, step.effect, {event.effect for event in view.events if event.kind is Kind.BACKWARD})
        yield EmptyStep(step.effect, why, backward, clear, target)


def idle_parts(wiring: Wiring, target: ParameterSet, view: View) -> Iterator[EmptyStep]:
    """One of several optimizers that stand in for each other holds what no loss depends on."""
    step = next((event.effect for event in view.events if event.kind is Kind.STEP and event.sure), None)
    if not isinstance(step, fx.Step) or not any(event.kind is Kind.BACKWARD for event in view.events):
        return
    for part in wiring.idle_parts(target):
        backward = next(event.effect for event in view.events if event.kind is Kind.BACKWARD)
        assert isinstance(backward, fx.Backward)
        yield EmptyStep(step, Emptiness.NO_BACKWARD, backward, None, part)


def _first_turns_only(tokens: set[Token], step: Event, seen: Lifecycle) -> bool:
    """What the step met otherwise was brought into the loop from before it."""
    if not tokens:
        return True
    inner = [loop for loop in step.loops if loop.repeats]
    return (
        bool(inner)
        and all(token.state in (UNKNOWN, LOST, FRESH) and not token.pending for token in tokens)
        and not any(inner[-1] in event.loops and event.kind in _BRINGING for event in seen.ran)
    )


def _explain(
    step: Event, tokens: set[Token], view: View, seen: Lifecycle, elsewhere: set[fx.Effect], passing: set[Event]
) -> tuple[Emptiness, fx.Backward | None, fx.Clear | None]:
    """Why a step finds nothing, with the backward meant for it: not one that is only `passing` on its way to another
    set, and rather none that a step of another set applies `elsewhere`."""
    wasted = {event for token in tokens for event in token.discarded if event.sure} - passing
    at_once = {event for token in tokens for event in token.discarded & token.recent if event.sure} - passing
    inner = set([loop for loop in step.loops if loop.repeats][-1:])
    later = {
        event for event in view.events if event.kind is Kind.BACKWARD and event.order > step.order and inner <= set(event.loops)
    }
    later -= passing
    for why, events in (
        (Emptiness.CLEARED, {event for event in at_once if event.effect not in elsewhere}),
        (Emptiness.TOO_EARLY, later),
        (Emptiness.CLEARED, at_once),
        (Emptiness.CLEARED, wasted),
        (Emptiness.CLEARED, {event for token in tokens for event in token.discarded if event.effect not in elsewhere} - passing),
    ):
        if events:
            chosen = (min if why is Emptiness.TOO_EARLY else max)(events, key=lambda event: event.order)
            return why, backward_of(chosen), None if why is Emptiness.TOO_EARLY else clear_of(chosen, seen)
    return Emptiness.NO_BACKWARD, None, None


def _passing(
    entry: Entry,
    program: Program,
    step: Event,
    target: ParameterSet,
    view: View,
    seen: Lifecycle,
    elsewhere: set[fx.Effect],
) -> set[Event]:
    """Backwards that are for other sets: a step of theirs applies them before this set is cleared of them, and then
    something is computed for `step` that nobody differentiates."""
    mine = [event for event in view.events if event.kind is Kind.BACKWARD and event.effect in elsewhere]
    if not mine:
        return set()
    order = {effect: number for number, effect in enumerate(entry.effects)}
    others = [
        effect
        for effect in order
        if isinstance(effect, fx.Step) and not any(optimizer in target.optimizers for optimizer in effect.optimizers)
    ]
    computed = [order[effect] for effect in entry.effects if isinstance(effect, fx.Forward)]
    lines = _lines_that_use(target, step.effect.site.function, program)

    def computes(other: fx.Effect) -> bool:
        if any(_in_turn(order[other], forward, order[step.effect]) for forward in computed):
            return True
        here = other.site.function is step.effect.site.function
        return here and any(_in_turn(_line(other), line, _line(step.effect)) for line in lines)

    found = set()
    for event in mine:
        here = order[event.effect]
        clears = [order[clear.effect] for clear, thrown in seen.discards if thrown is event]
        nearest = min(clears, key=lambda clear: (clear < here, clear), default=None)
        if nearest is not None and any(_in_turn(here, order[other], nearest) and computes(other) for other in others):
            found.add(event)
    return found


def _lines_that_use(target: ParameterSet, function: ast.AST, program: Program) -> set[int]:
    """The lines of a function on which something is computed that depends on the set."""
    found = set()
    for done in program.operations:
        if done.site.function is function and not done.cuts:
            used = (value.sources for value in done.inputs if isinstance(value, Tensor))
            if any(not sources.isdisjoint(target.owners) for sources in used):
                found.add(getattr(done.site.node, "lineno", 0))
    return found


def _line(effect: fx.Effect) -> int:
    return getattr(effect.site.node, "lineno", 0)


def _in_turn(one: int, two: int, three: int) -> bool:
    """The three come in this order, perhaps round a loop."""
    return one < two < three or three < one < two or two < three < one


def _astray(entry: Entry, step: fx.Step, reaching: set[fx.Effect]) -> fx.Backward | None:
    """A backward in the step's own function that reaches other parameters only: the last one before the step."""
    chosen: fx.Backward | None = None
    for effect in entry.effects:
        if effect is step and chosen is not None:
            break
        if isinstance(effect, fx.Backward) and effect.site.function is step.site.function and effect not in reaching:
            chosen = effect
    return chosen


def _written_elsewhere(view: View) -> bool:
    """Gradients are stored in tensors out of sight, which may be what is stepped: clears of other tensors say nothing of them.
    Where nothing is differentiated, zeros are stored to be stepped as well."""
    kinds = (fx.Write,) if any(event.kind is Kind.BACKWARD for event in view.events) else (fx.Write, fx.Clear)
    stored = [event.effect for event in view.events if isinstance(event.effect, kinds)]
    return any(effect.parameters is not None and not effect.parameters.owners for effect in stored)


def _trains(step: Event, entry: Entry, program: Program, target: ParameterSet) -> bool:
    """A model or its bare parameters compute something here, or a backward is written: not a schedule being drawn."""
    if any(isinstance(effect, fx.Forward) for effect in entry.effects):
        return True
    if "backward" in program.index.functions[step.effect.site.function].words:
        return True
    used = (value.sources for done in program.operations for value in done.inputs if isinstance(value, Tensor))
    return any(not sources.isdisjoint(target.owners) for sources in used)


def _begins_a_schedule(step: Event, entry: Entry, target: ParameterSet) -> bool:
    """A schedule of the optimizer was built a moment ago, and wants to see a step before its own."""
    if any(loop.repeats for loop in step.loops):
        return False
    before = list(entry.effects)
    before = before[: before.index(step.effect)]
    holding = [
        number
        for number, effect in enumerate(before)
        if isinstance(effect, fx.Create)
        and (effect.thing.role is Role.SCHEDULER or names_scheduler(effect.thing.name))
        and any(optimizer in effect.thing.holds for optimizer in target.optimizers)
    ]
    if not holding:
        return False
    made_by = {optimizer.node for optimizer in target.optimizers}
    first = next((number for number, effect in enumerate(before) if effect.site.node in made_by), holding[0])
    built = before[first].site.node
    return not any(
        isinstance(effect, fx.Backward)
        or (isinstance(effect, fx.Forward) and effect.site.node is not built and is_a_module(effect.thing))
        for effect in before[first:]
    )
