"""What the gradient automaton saw, put as facts about the order of backward, step and clear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from ...cancel import CancelFlag
from ...program import effects as fx
from ...program.program import Entry, Program
from ..wiring.concern import bodies
from ..wiring.sets import ParameterSet, Wiring, wire
from .accumulation import Accumulation, accumulations
from .alternatives import Alternatives, Arm
from .empty import Emptiness, EmptyStep, empty_steps, idle_parts
from .events import Event, Kind, Projection, View
from .lifecycle import APPLIED, STALE, Intractable, Lifecycle, Token, run
from .thrown import backward_of, clear_of, thrown_each_turn, thrown_in_loop
from .unapplied import UnappliedBackward, read_by_hooks, unapplied

_CLEARING = frozenset({Kind.CLEAR, Kind.ANYTHING, Kind.NEW, Kind.OTHER})

_MAX_PARTS = 6


@dataclass(frozen=True, slots=True)
class StaleStep:
    """`step` applies gradients again that were applied before: nothing on `loop` clears them."""

    step: fx.Step
    backward: fx.Backward
    loop: fx.Loop
    target: ParameterSet
    where: Arm | None = None


@dataclass(frozen=True, slots=True)
class LateStep:
    """`step` runs once after `loop`, each turn of which throws the gradients of the turn before away."""

    step: fx.Step
    backward: fx.Backward
    clear: fx.Clear
    loop: fx.Loop
    target: ParameterSet


@dataclass(slots=True)
class Protocol:
    """Facts of one entry."""

    entry: Entry
    stale: list[StaleStep] = field(default_factory=list)
    empty: list[EmptyStep] = field(default_factory=list)
    unapplied: list[UnappliedBackward] = field(default_factory=list)
    late: list[LateStep] = field(default_factory=list)
    accumulations: list[Accumulation] = field(default_factory=list)


def examine(entry: Entry, program: Program, cancel: CancelFlag) -> Protocol:
    """The facts of an entry, set by set. Nothing is said of sets whose gradients a hook takes."""
    protocol = Protocol(entry)
    look_alikes = program.index.look_alikes
    wiring = wire(entry, look_alikes, program.entries)
    views = [(target, Projection(wiring, target).view_of(body)) for target, body in bodies(wiring, entry.body)]
    used: dict[ParameterSet, set[fx.Effect]] = {}
    ran: list[tuple[ParameterSet, View, Lifecycle]] = []
    coarse: list[tuple[ParameterSet, View]] = []
    for target, view in views:
        if not any(event.kind in (Kind.BACKWARD, Kind.STEP) for event in view.events):
            continue
        if wiring.hooked(target) or (look_alikes and not target.certain):
            used[target] = {event.effect for event in view.events if event.kind is Kind.BACKWARD}
            continue
        seen = _followed(view, cancel)
        if seen is None:
            used[target] = {event.effect for event in view.events if event.kind is Kind.BACKWARD}
            coarse.append((target, view.unconditional))
            continue
        used[target] = {event.effect for event in seen.used}
        ran.append((target, view, seen))
    for target, view in views:
        protocol.empty += idle_parts(wiring, target, view)
    if not ran and not coarse:
        return protocol
    alternatives = Alternatives(entry.body)
    users = Counter(effect for effects in used.values() for effect in effects)
    for target, view in coarse:
        seen = _followed(view, cancel)
        if seen is not None:
            elsewhere = _elsewhere(view, users, used.get(target, ()))
            protocol.empty += empty_steps(entry, program, target, view, seen, elsewhere, alternatives)
    for target, view, seen in ran:
        elsewhere = _elsewhere(view, users, used[target])
        protocol.empty += empty_steps(entry, program, target, view, seen, elsewhere, alternatives)
        protocol.stale += _stale(target, seen)
        if not any(fact.target is target for fact in protocol.stale):
            _stale_parts(protocol, entry, wiring, target, view, cancel)
        _late(protocol, target, view, seen)
    explained = {fact.target for fact in protocol.empty if fact.why is not Emptiness.NO_BACKWARD}
    never_applied = list(unapplied(entry, ran, users, explained))
    if never_applied and not read_by_hooks(program):
        protocol.unapplied += never_applied
    for arm in alternatives.lacking:
        for target, view, _ in ran:
            elsewhere = _elsewhere(view, users, used[target])
            _in_arm(protocol, alternatives, arm, program, target, view, elsewhere, cancel)
    protocol.accumulations += accumulations(entry, [(target, view) for target, view, _ in ran])
    return protocol


def _elsewhere(view: View, users: Counter[fx.Effect], own: Collection[fx.Effect]) -> set[fx.Effect]:
    """What of a view other sets use."""
    return {event.effect for event in view.events if users[event.effect] > (event.effect in own)}


def _followed(view: View, cancel: CancelFlag) -> Lifecycle | None:
    try:
        return run(view, cancel)
    except Intractable:
        return None


def _in_arm(
    protocol: Protocol,
    alternatives: Alternatives,
    arm: Arm,
    program: Program,
    target: ParameterSet,
    view: View,
    elsewhere: set[fx.Effect],
    cancel: CancelFlag,
) -> None:
    """What holds of the set where the condition of `arm` comes out as it does there, and is not known already."""
    counterparts = [event for event in view.events if event.sure and event.effect in arm.counterparts]
    if not counterparts:
        return
    world = _followed(replace(view, supposed=arm.supposed), cancel)
    if world is None:
        return
    if arm.kind is fx.Backward:
        known = {fact.step for fact in protocol.empty}
        protocol.empty += [
            replace(fact, backward=None, where=arm)
            for fact in empty_steps(protocol.entry, program, target, view, world, elsewhere, alternatives)
            if fact.why is Emptiness.NO_BACKWARD and fact.step not in known
        ]
    elif arm.kind is fx.Clear:
        steps = {fact.step for fact in protocol.stale}
        around = {loop for event in counterparts for loop in event.loops}
        protocol.stale += [
            replace(fact, where=arm) for fact in _stale(target, world) if fact.step not in steps and fact.loop in around
        ]
    else:
        protocol.unapplied += [
            UnappliedBackward(backward_of(event), clear_of(event, world), target, where=arm)
            for event in view.events
            if event.kind is Kind.BACKWARD and event.sure and event in world.ran and event not in world.used
            if event.effect not in elsewhere and thrown_in_loop(event, world) is not None
            if not any(fact.backward is event.effect for fact in protocol.unapplied)
        ]


def _stale(target: ParameterSet, seen: Lifecycle) -> Iterator[StaleStep]:
    told: set[fx.Loop] = set()
    for step, tokens in sorted(seen.steps.items(), key=lambda pair: pair[0].order):
        for token in sorted(tokens, key=partial(_way, step)):
            cycle = next((loop for loop in step.loops if loop in token.crossed), None)
            if token.state != STALE or cycle is None or cycle in told or _clears_in(cycle, seen):
                continue
            backward = min(token.pending, key=lambda event: event.order, default=None)
            if backward is None or not backward.sure:
                continue
            told |= set(step.loops[step.loops.index(cycle) :])
            assert isinstance(step.effect, fx.Step) and isinstance(backward.effect, fx.Backward)
            yield StaleStep(step.effect, backward.effect, cycle, target)


def _way(step: Event, token: Token) -> tuple[int, list[int], list[int]]:
    """Sorts the ways on which a step was reached: those round the fewest loops first, of these the innermost."""
    inwards = [-index for index, loop in enumerate(step.loops) if loop in token.crossed]
    return len(token.crossed), inwards, sorted(event.order for event in token.pending)


def _clears_in(loop: fx.Loop, seen: Lifecycle) -> bool:
    """Something on the loop may clear the set, guarded or not."""
    return any(
        loop in event.loops and (event.kind in _CLEARING or event.clears) and not _cancels(event, seen) for event in seen.ran
    )


def _cancels(event: Event, seen: Lifecycle) -> bool:
    """Some gradients, picked by name, are thrown away before a step so that it leaves their parameters alone."""
    clear = event.effect
    named = isinstance(clear, fx.Clear) and clear.parameters is not None and clear.parameters.named
    follows = any(
        step.order > event.order and step.loops[: len(event.loops)] == event.loops[: len(step.loops)] for step in seen.steps
    )
    return named and follows and APPLIED not in seen.met.get(event, ())


def _stale_parts(protocol: Protocol, entry: Entry, wiring: Wiring, target: ParameterSet, view: View, cancel: CancelFlag) -> None:
    """An optimizer over several models, of which only some are cleared."""
    partly = any(event.kind is Kind.CLEAR and not event.sure for event in view.events)
    if not partly or target.opaque or not 1 < len(target.owners) <= _MAX_PARTS:
        return
    for owner in sorted(target.owners, key=lambda thing: thing.name):
        part = ParameterSet(target.optimizers, frozenset({owner}), opaque=False)
        try:
            seen = run(Projection(wiring, part).view(entry), cancel)
        except Intractable:
            return
        protocol.stale += [fact for fact in _stale(part, seen) if wiring.touches(fact.backward.loss.sources, part)]


def _late(protocol: Protocol, target: ParameterSet, view: View, seen: Lifecycle) -> None:
    if any(fact.target is target and fact.why is not Emptiness.NO_BACKWARD for fact in protocol.empty):
        return
    for step, tokens in seen.steps.items():
        for backward in sorted({event for token in tokens for event in token.pending}, key=lambda event: event.order):
            thrown = thrown_each_turn(backward, seen)
            if thrown is None or thrown[1] in step.loops or not backward.sure:
                continue
            clear, loop = thrown
            if any(event.kind in (Kind.STEP, Kind.ANYTHING, Kind.READ) and loop in event.loops for event in view.events):
                continue
            assert isinstance(step.effect, fx.Step) and isinstance(clear.effect, fx.Clear)
            protocol.late.append(LateStep(step.effect, backward_of(backward), clear.effect, loop, target))
            break
