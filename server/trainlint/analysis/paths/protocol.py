"""What the gradient automaton saw, put as facts about the order of backward, step and clear."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Collection, Container
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial

from ...cancel import CancelFlag
from ...program import effects as fx
from ...program.naming import affinity
from ...program.program import Entry, Program
from ...program.things import Tensor
from ..wiring.concern import bodies
from ..wiring.sets import ParameterSet, Wiring, wire
from .accumulation import Accumulation, accumulations
from .alternatives import Alternatives, Arm
from .events import Event, Kind, Projection, View
from .lifecycle import APPLIED, CLEAR, FRESH, LOST, STALE, UNKNOWN, Intractable, Lifecycle, Token, run

_BRINGING = frozenset({Kind.ANYTHING, Kind.OTHER, Kind.COMPUTE, Kind.WRITE})
_CLEARING = frozenset({Kind.CLEAR, Kind.ANYTHING, Kind.NEW, Kind.OTHER})

_MAX_PARTS = 6


class Emptiness(Enum):
    """Why a step finds nothing to apply."""

    CLEARED = "a clear comes between the backward and the step"
    TOO_EARLY = "the step comes before the backward"
    NO_BACKWARD = "no backward comes before the step"


@dataclass(frozen=True, slots=True)
class StaleStep:
    """`step` applies gradients again that were applied before: nothing on `loop` clears them."""

    step: fx.Step
    backward: fx.Backward
    loop: fx.Loop
    target: ParameterSet
    where: Arm | None = None


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

    def holder(self, target: ParameterSet, clear: fx.Clear | None) -> str:
        """The optimizer of a set, as the program writes it where it clears."""
        optimizer = target.optimizers[0]
        if target.engine is not None:
            return target.engine.name
        return clear.text if clear is not None and optimizer in clear.holders else optimizer.name


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
        _idle_parts(protocol, entry, wiring, target, view)
    alternatives = Alternatives(entry.body)
    users = Counter(effect for effects in used.values() for effect in effects)
    for target, view in coarse:
        seen = _followed(view, cancel)
        if seen is not None:
            elsewhere = _elsewhere(view, users, used.get(target, ()))
            _empty(protocol, entry, program, target, view, seen, elsewhere, alternatives)
    for target, view, seen in ran:
        elsewhere = _elsewhere(view, users, used[target])
        _empty(protocol, entry, program, target, view, seen, elsewhere, alternatives)
        _stale(protocol, target, seen)
        if not any(fact.target is target for fact in protocol.stale):
            _stale_parts(protocol, entry, wiring, target, view, cancel)
        _late(protocol, target, view, seen)
    _unapplied(protocol, entry, ran, users)
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
    found = Protocol(protocol.entry)
    if arm.kind is fx.Backward:
        _empty(found, found.entry, program, target, view, world, elsewhere, alternatives)
        known = {fact.step for fact in protocol.empty}
        protocol.empty += [
            replace(fact, backward=None, where=arm)
            for fact in found.empty
            if fact.why is Emptiness.NO_BACKWARD and fact.step not in known
        ]
    elif arm.kind is fx.Clear:
        _stale(found, target, world)
        steps = {fact.step for fact in protocol.stale}
        around = {loop for event in counterparts for loop in event.loops}
        protocol.stale += [replace(fact, where=arm) for fact in found.stale if fact.step not in steps and fact.loop in around]
    else:
        protocol.unapplied += [
            UnappliedBackward(_backward(event), _clear_of(event, world), target, where=arm)
            for event in view.events
            if event.kind is Kind.BACKWARD and event.sure and event in world.ran and event not in world.used
            if event.effect not in elsewhere and _thrown_in_loop(event, world) is not None
            if not any(fact.backward is event.effect for fact in protocol.unapplied)
        ]


def _stale(protocol: Protocol, target: ParameterSet, seen: Lifecycle) -> None:
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
            protocol.stale.append(StaleStep(step.effect, backward.effect, cycle, target))


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
        _stale(protocol, part, seen)


def _empty(
    protocol: Protocol,
    entry: Entry,
    program: Program,
    target: ParameterSet,
    view: View,
    seen: Lifecycle,
    elsewhere: set[fx.Effect],
    alternatives: Alternatives,
) -> None:
    for step, tokens in seen.steps.items():
        empty = {token for token in tokens if token.state == CLEAR}
        if not empty or not _first_turns_only(tokens - empty, step, seen):
            continue
        passing = _passing(entry, program, step, target, view, seen, elsewhere)
        passing |= {event for event in view.events if alternatives.exclude(event.effect, step.effect)}
        why, backward, clear = _explain(step, empty, view, seen, elsewhere, passing)
        if why is Emptiness.NO_BACKWARD and not _trains(step, entry, program, target):
            continue
        assert isinstance(step.effect, fx.Step)
        if why is Emptiness.NO_BACKWARD:
            backward = _astray(entry, step.effect, {event.effect for event in view.events if event.kind is Kind.BACKWARD})
        protocol.empty.append(EmptyStep(step.effect, why, backward, clear, target))


def _idle_parts(protocol: Protocol, entry: Entry, wiring: Wiring, target: ParameterSet, view: View) -> None:
    """One of several optimizers that stand in for each other holds what no loss depends on."""
    step = next((event.effect for event in view.events if event.kind is Kind.STEP and event.sure), None)
    if not isinstance(step, fx.Step) or not any(event.kind is Kind.BACKWARD for event in view.events):
        return
    for part in wiring.idle_parts(target):
        backward = next(event.effect for event in view.events if event.kind is Kind.BACKWARD)
        assert isinstance(backward, fx.Backward)
        protocol.empty.append(EmptyStep(step, Emptiness.NO_BACKWARD, backward, None, part))


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
            return why, _backward(chosen), None if why is Emptiness.TOO_EARLY else _clear_of(chosen, seen)
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


def _trains(step: Event, entry: Entry, program: Program, target: ParameterSet) -> bool:
    """A model or its bare parameters compute something here, or a backward is written: not a schedule being drawn."""
    if any(isinstance(effect, fx.Forward) for effect in entry.effects):
        return True
    if "backward" in program.index.functions[step.effect.site.function].words:
        return True
    used = (value.sources for done in program.operations for value in done.inputs if isinstance(value, Tensor))
    return any(not sources.isdisjoint(target.owners) for sources in used)


def _backward(event: Event) -> fx.Backward:
    assert isinstance(event.effect, fx.Backward)
    return event.effect


def _clear_of(backward: Event, seen: Lifecycle) -> fx.Clear | None:
    """The clear that throws the gradients of `backward` away: the first of those in most of its loops."""

    def far(clear: Event) -> tuple[int, int]:
        return -sum(loop in clear.loops for loop in backward.loops), clear.order

    for clear in sorted((clear for clear, thrown in seen.discards if thrown is backward), key=far):
        if isinstance(clear.effect, fx.Clear):
            return clear.effect
    return None


def _thrown_each_turn(backward: Event, seen: Lifecycle) -> tuple[Event, fx.Loop] | None:
    """A clear inside a loop around `backward` that throws its gradients away in every turn."""
    return None if backward in seen.accumulated else _thrown_in_loop(backward, seen)


def _thrown_in_loop(backward: Event, seen: Lifecycle) -> tuple[Event, fx.Loop] | None:
    """A clear in a loop around `backward`, the innermost, that throws its gradients away, perhaps those of several turns."""
    found = [
        (clear, [loop for loop in backward.loops if loop in clear.loops and loop.repeats])
        for clear, thrown in seen.discards
        if thrown is backward and clear.sure and isinstance(clear.effect, fx.Clear)
    ]
    clear, shared = max(found, key=lambda pair: (len(pair[1]), -pair[0].order), default=(None, []))
    return (clear, shared[-1]) if clear is not None and shared else None


def _late(protocol: Protocol, target: ParameterSet, view: View, seen: Lifecycle) -> None:
    if any(fact.target is target and fact.why is not Emptiness.NO_BACKWARD for fact in protocol.empty):
        return
    for step, tokens in seen.steps.items():
        for backward in sorted({event for token in tokens for event in token.pending}, key=lambda event: event.order):
            thrown = _thrown_each_turn(backward, seen)
            if thrown is None or thrown[1] in step.loops or not backward.sure:
                continue
            clear, loop = thrown
            if any(event.kind in (Kind.STEP, Kind.ANYTHING, Kind.READ) and loop in event.loops for event in view.events):
                continue
            assert isinstance(step.effect, fx.Step) and isinstance(clear.effect, fx.Clear)
            protocol.late.append(LateStep(step.effect, _backward(backward), clear.effect, loop, target))
            break


def _unapplied(
    protocol: Protocol, entry: Entry, ran: list[tuple[ParameterSet, View, Lifecycle]], used: Container[fx.Effect]
) -> None:
    explained = {fact.target for fact in protocol.empty if fact.why is not Emptiness.NO_BACKWARD}
    told: set[fx.Effect] = set()
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
            if effect in used or any(other in explained for other, _, _ in reached):
                continue
            if any(_handed_out(entry, other, facts, life, effect) for other, facts, life in reached):
                continue
            if seen.used and _only_measures(event, view):
                continue
            if not (
                entry.closed or any(loop.repeats for loop in event.loops) or any(_uses_optimizer(one) for one in view.events)
            ):
                continue
            told.add(effect)
            protocol.unapplied.append(_meant(_backward(event), reached))
    for target, view, seen in ran:
        idle = _cleared_and_never_stepped(entry, target, view)
        if idle is not None and idle in seen.ran and target not in explained and idle.effect not in told:
            protocol.unapplied.append(UnappliedBackward(_backward(idle), _clear_of(idle, seen), target, partly=True))


def _cleared_and_never_stepped(entry: Entry, target: ParameterSet, view: View) -> Event | None:
    """A backward in a loop in which the optimizer of the set clears, though neither it nor another ever steps."""
    if not target.certain or not (entry.closed or target.local):
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
    return _clear_of(next(event for event in view.events if event.effect is backward), seen)


def _only_measures(backward: Event, view: View) -> bool:
    """A backward in a loop of a function, neither of which clears or steps: one to measure by, where others are applied."""
    inner = next((loop for loop in reversed(backward.loops) if loop.repeats), None)
    function = backward.effect.site.function
    using = [event for event in view.events if _uses_optimizer(event)]
    return inner is not None and not any(inner in event.loops or event.effect.site.function is function for event in using)


def _uses_optimizer(event: Event) -> bool:
    return event.kind in (Kind.STEP, Kind.CLEAR)


def _handed_out(entry: Entry, target: ParameterSet, view: View, seen: Lifecycle, effect: fx.Effect) -> bool:
    """Code out of sight may still apply these gradients after the end of the entry.

    Not where a loop of the entry throws them away itself: what its last turn leaves is no use of the others.
    """
    if entry.closed or target.local:
        return False
    return any(
        event.effect is effect and (event in seen.left or not seen.discards) and _thrown_in_loop(event, seen) is None
        for event in view.events
    )
