"""Backwards whose gradients no step ever applies."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator, Set
from dataclasses import dataclass

from ...program import effects as fx
from ...program.naming import affinity
from ...program.program import Entry, Program
from ...program.things import Role, Thing
from ...program.vocabulary import BACKWARD_HOOKS
from ..flow.made_up import made_up
from ..wiring.kinds import is_model
from ..wiring.sets import ParameterSet
from .alternatives import Arm
from .events import Event, Kind, View
from .lifecycle import Lifecycle
from .thrown import backward_of, clear_of, thrown_in_loop


@dataclass(frozen=True, slots=True)
class UnappliedBackward:
    """No step ever applies the gradients of `backward`; `clear` throws them away where there is one.

    `partly`: a step applies what the same backward gives to other parameters than those of `target`. `also` are the sets
    beside it that nothing steps either, each with the clear that throws its gradients away.
    """

    backward: fx.Backward
    clear: fx.Clear | None
    target: ParameterSet
    partly: bool = False
    also: tuple[tuple[ParameterSet, fx.Clear | None], ...] = ()
    where: Arm | None = None


def unapplied(
    entry: Entry, ran: list[tuple[ParameterSet, View, Lifecycle]], used: Collection[fx.Effect], explained: Set[ParameterSet]
) -> Iterator[UnappliedBackward]:
    """Those of an entry. `ran` are its sets as they were followed, `used` what some set uses; the steps of sets that are
    `explained` are known to find nothing for another reason.
    """
    told: set[fx.Effect] = set()
    closures = {effect.closure.node for effect in entry.of(fx.Step) if effect.closure is not None}
    run_by_a_step = {one.site.node for one in used if one.site.function in closures}
    reaching: dict[fx.Effect, list[tuple[ParameterSet, View, Lifecycle]]] = defaultdict(list)
    for one in ran:
        for effect in dict.fromkeys(event.effect for event in one[1].events if event.sure):
            reaching[effect].append(one)
    for _, view, seen in ran:
        for event in view.events:
            effect = event.effect
            if event.kind is not Kind.BACKWARD or not event.sure or event not in seen.ran or effect in told:
                continue
            reached = reaching[effect]
            if isinstance(effect, fx.Backward) and effect.by is not None and not _steps_itself(entry, effect.by):
                continue
            if effect.site.node in run_by_a_step:  # whoever calls the closure besides looks at its loss
                continue
            if effect in used or any(other in explained for other, _, _ in reached):
                continue
            if any(_handed_out(entry, other, facts, life, effect) for other, facts, life in reached):
                continue
            if seen.used and _only_measures(event, view):
                continue
            if _is_a_rehearsal(event, view, seen):
                continue
            if not (
                entry.closed or any(loop.repeats for loop in event.loops) or any(_uses_optimizer(one) for one in view.events)
            ):
                continue
            told.add(effect)
            yield _meant(backward_of(event), reached)
    for target, view, seen in ran:
        idle = _cleared_and_never_stepped(entry, target, view)
        if idle is not None and idle in seen.ran and target not in explained and idle.effect not in told:
            yield UnappliedBackward(backward_of(idle), clear_of(idle, seen), target, partly=True)


def _steps_itself(entry: Entry, loop: str) -> bool:
    """A loop out of sight, which differentiates, is known to step as well: otherwise it does so out of sight."""
    return any(effect.by == loop for effect in entry.of(fx.Step))


def read_by_hooks(program: Program) -> bool:
    """Functions that see gradients pass are registered by the program, by the class of one of its objects, or perhaps by an
    optimizer out of sight that was given a model: a backward may be for them."""
    if any(not thing.uses.isdisjoint(BACKWARD_HOOKS) or _is_given_a_model(thing) for thing in program.things):
        return True
    classes = {info for thing in program.things if thing.cls is not None for info in thing.cls.lineage()}
    return any(
        isinstance(node, ast.Attribute) and node.attr in BACKWARD_HOOKS for info in classes for node in ast.walk(info.node)
    )


def _is_given_a_model(thing: Thing) -> bool:
    """An optimizer whose class is out of sight got the model itself, not its parameters."""
    if thing.role is None:
        return {"step", "zero_grad"} <= thing.uses and any(map(is_model, thing.holds))
    given = (*thing.positional, *thing.arguments.values())
    return thing.role is Role.OPTIMIZER and thing.cls is None and any(isinstance(one, Thing) and is_model(one) for one in given)


def _cleared_and_never_stepped(entry: Entry, target: ParameterSet, view: View) -> Event | None:
    """A backward in a loop in which the optimizer of the set clears, though neither it nor another ever steps."""
    if not entry.whole and not (target.certain and (entry.closed or target.local)):
        return None
    if any(event.kind in (Kind.STEP, Kind.ANYTHING, Kind.READ, Kind.WRITE) for event in view.events):
        return None
    for clear in view.events:
        loops = [loop for loop in clear.loops if loop.repeats]
        own = isinstance(clear.effect, fx.Clear) and any(holder in target.optimizers for holder in clear.effect.holders)
        if clear.kind is not Kind.CLEAR or not clear.sure or not loops or not own:
            continue
        inside = [event for event in view.events if event.kind is Kind.BACKWARD and event.sure and loops[-1] in event.loops]
        behind = [event for event in inside if event.order > clear.order]
        if inside:
            return (behind or inside)[0]
    return None


def _meant(backward: fx.Backward, reaching: list[tuple[ParameterSet, View, Lifecycle]]) -> UnappliedBackward:
    """A backward that reaches several sets is meant for one that nothing steps, or for the one of its name."""
    idle = [one for one in reaching if not any(event.kind is Kind.STEP for event in one[1].events)]
    target, view, seen = max(idle or reaching, key=lambda one: affinity(one[0].name, backward.text))
    also = tuple((one[0], _clear_in(backward, one)) for one in idle if one[0] is not target)
    return UnappliedBackward(backward, _clear_in(backward, (target, view, seen)), target, also=also)


def _clear_in(backward: fx.Backward, reached: tuple[ParameterSet, View, Lifecycle]) -> fx.Clear | None:
    """The clear that throws away what `backward` gives to a set."""
    _, view, seen = reached
    return clear_of(next(event for event in view.events if event.effect is backward), seen)


def _only_measures(backward: Event, view: View) -> bool:
    """A backward in a loop of a function, neither of which clears or steps: one to measure by, where others are applied."""
    inner = next((loop for loop in reversed(backward.loops) if loop.repeats), None)
    function = backward.effect.site.function
    using = [event for event in view.events if _uses_optimizer(event)]
    return inner is not None and not any(inner in event.loops or event.effect.site.function is function for event in using)


def _is_a_rehearsal(backward: Event, view: View, seen: Lifecycle) -> bool:
    """It is of numbers that are made up on the spot, to make room or to see how long it takes: where others are applied, or once
    and where no optimizer is used."""
    assert isinstance(backward.effect, fx.Backward)
    inner = next((loop for loop in reversed(backward.loops) if loop.repeats), None)
    if inner is None:
        using = any(_uses_optimizer(event) and not _by_hand(event) for event in view.events)
    else:
        using = not seen.used or any(event.kind is Kind.STEP and inner in event.loops for event in view.events)
    return not using and made_up((backward.effect.loss,), inner.node if inner is not None else None)


def _by_hand(event: Event) -> bool:
    """Gradients are cleared one by one, not through an object that holds them."""
    return isinstance(event.effect, fx.Clear) and not event.effect.holders


def _uses_optimizer(event: Event) -> bool:
    return event.kind in (Kind.STEP, Kind.CLEAR)


def _handed_out(entry: Entry, target: ParameterSet, view: View, seen: Lifecycle, effect: fx.Effect) -> bool:
    """Code out of sight may still apply these gradients after the end of the entry.

    Not where a loop of the entry throws them away itself: what its last turn leaves is no use of the others.
    """
    if entry.closed or target.local:
        return False
    return any(
        event.effect is effect and (event in seen.left or not seen.discards) and thrown_in_loop(event, seen) is None
        for event in view.events
    )
