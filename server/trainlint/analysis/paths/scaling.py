"""Gradients that are clipped, scaled for low precision and unscaled: the order of these along every path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

from ...cancel import CancelFlag
from ...program import effects as fx
from ...program.program import Entry, Program
from ...program.things import Constant, External, Operation, Role, Tensor, Thing, Value
from ...program.values import options
from ..flow.numbers import number
from ..wiring.sets import ParameterSet, Relation, Wiring, wire
from .events import Event, Kind, Projection, View
from .lifecycle import Intractable, Paths

UNKNOWN, CLEAR, PLAIN, SCALED, UNSCALED, APPLIED, MIXED = "unknown", "clear", "plain", "scaled", "unscaled", "applied", "mixed"
FIRST, READY, STEPPED = "first", "ready", "stepped"
_NOTHING = 1e-10
_TOUCHING = (Kind.UNSCALE, Kind.ANYTHING, Kind.READ, Kind.ADJUST, Kind.WRITE)


class Token(NamedTuple):
    """The gradients of a set at one point of one path: their `state` and the `backward` that made it.

    `protocol`: what the gradient scaler did for their optimizer since its last update, UNSCALED or STEPPED; READY for
    nothing, FIRST where it was never updated, UNKNOWN at the entry. `stepped` is the step through it, `crossed` the loops gone
    round since. `applied` is the step that applied what is there.
    """

    state: str = UNKNOWN
    backward: Event | None = None
    protocol: str = UNKNOWN
    stepped: Event | None = None
    crossed: frozenset[fx.Loop] = frozenset()
    applied: Event | None = None


@dataclass(frozen=True, slots=True)
class ScaledClip:
    """`clip` bounds gradients that are still multiplied by the loss scale; `step` unscales them, too late.

    `follows`: in the same turn, and before the scale is chosen anew.
    """

    clip: fx.Clip
    backward: fx.Backward
    step: fx.Step
    follows: bool
    target: ParameterSet
    certain: bool


@dataclass(frozen=True, slots=True)
class PointlessClip:
    """`clip` bounds no gradient that is ever applied: they are `applied` already, or not there before `backward`.

    Behind `ready` they are there, unscaled.
    """

    clip: fx.Clip
    applied: fx.Step | None
    backward: fx.Backward
    ready: fx.Effect
    target: ParameterSet


@dataclass(frozen=True, slots=True)
class ClipToNothing:
    """`clip` bounds gradients by `limit`, which leaves nothing for `step` to apply."""

    clip: fx.Clip
    limit: float
    step: fx.Step


@dataclass(frozen=True, slots=True)
class ScaledStep:
    """`step` applies gradients still multiplied by the loss scale, or, where `through` is one, once more after it.

    `updated`: something updates the scaler.
    """

    step: fx.Step
    backward: fx.Backward
    through: fx.Step | None
    scaler: Thing
    updated: bool
    certain: bool


@dataclass(frozen=True, slots=True)
class Unupdated:
    """`step` is reached a second time with no update of the scaler on `loop`; `update` is one elsewhere."""

    step: fx.Step
    scaler: Thing
    loop: fx.Loop
    update: fx.Rescale | None


@dataclass(frozen=True, slots=True)
class TwiceUnscaled:
    """`unscale` comes to gradients that are unscaled already: by another call, or by `step`."""

    unscale: fx.Unscale
    step: fx.Step | None
    scaler: Thing


@dataclass(slots=True)
class Scaling:
    """Facts of one entry."""

    scaled_clips: list[ScaledClip] = field(default_factory=list)
    pointless_clips: list[PointlessClip] = field(default_factory=list)
    to_nothing: list[ClipToNothing] = field(default_factory=list)
    scaled_steps: list[ScaledStep] = field(default_factory=list)
    unupdated: list[Unupdated] = field(default_factory=list)
    twice_unscaled: list[TwiceUnscaled] = field(default_factory=list)


def limit_of(clip: fx.Clip) -> float | None:
    """The bound of a clip where it is a number in sight; infinity where it may be."""
    found = [_number(option) for option in options(clip.limit)]
    if math.inf in found:
        return math.inf
    return found[0] if len(found) == 1 else None


def _number(value: Value) -> float | None:
    known = number(value)
    if known is not None:
        return None if known.option else float(known.value)
    if isinstance(value, External) and value.name.rpartition(".")[2].lower() in ("inf", "infinity"):
        return math.inf
    if isinstance(value, Tensor) and isinstance(value.origin, Operation) and value.origin.name == "float":
        given = value.origin.inputs[0] if value.origin.inputs else None
        return math.inf if isinstance(given, Constant) and "inf" in str(given.value) else None
    return None


def enabled(scaler: Thing) -> bool | None:
    """Whether a gradient scaler does anything; None where that is decided out of sight."""
    if scaler.role is not Role.SCALER or not scaler.in_sight or "**" in scaler.arguments:
        return None
    given = scaler.arguments.get("enabled", next((value for value in scaler.positional[4:]), Constant(True)))
    return bool(given.value) if isinstance(given, Constant) else None


def examine(entry: Entry, program: Program, cancel: CancelFlag) -> Scaling:
    scaling = Scaling()
    if not any(_concerns(effect) for effect in entry.effects):
        return scaling
    if program.index.look_alikes:
        return scaling
    wiring = wire(entry)
    of_use: set[fx.Effect] = set()
    for target in wiring.sets:
        view = _Projection(wiring, target).view(entry)
        clips = {event.effect for event in view.events if event.kind is Kind.CLIP}
        if _examine(scaling, wiring, target, view, cancel):
            clips -= {fact.clip for fact in scaling.pointless_clips if fact.target is target}
        of_use |= clips
    scaling.pointless_clips = [fact for fact in scaling.pointless_clips if fact.clip not in of_use]
    return scaling


def _examine(scaling: Scaling, wiring: Wiring, target: ParameterSet, view: View, cancel: CancelFlag) -> bool:
    """Add the facts of one set; False where what happens to it cannot be followed."""
    if wiring.hooked(target) or target.needs_closure:
        return False
    seen = _Scaler(view, cancel)
    try:
        seen.run()
    except Intractable:
        return False
    _clips(scaling, target, view, seen)
    _steps(scaling, view, seen)
    _protocol(scaling, target, view, seen)
    return True


def _concerns(effect: fx.Effect) -> bool:
    if isinstance(effect, fx.Backward):
        return effect.scaled_by is not None
    return isinstance(effect, (fx.Clip, fx.Unscale)) or (isinstance(effect, fx.Step) and effect.scaler is not None)


class _Projection(Projection):
    """What concerns one set, clips and the gradient scaler included."""

    def __init__(self, wiring: Wiring, target: ParameterSet) -> None:
        super().__init__(wiring, target)
        self.scalers: set[Thing] = set()

    def event(self, effect: fx.Effect) -> Event | None:
        if isinstance(effect, fx.Clip):
            relation = self.wiring.gradients(effect.parameters, self.target)
            return Event(Kind.CLIP, effect, relation is Relation.YES) if relation is not Relation.NO else None
        if isinstance(effect, fx.Unscale):
            own = self.wiring.holds_optimizer(effect.optimizers, self.target)
            if effect.optimizers and not own:
                return None
            return Event(Kind.UNSCALE, effect, own and len(effect.optimizers) == 1)
        if isinstance(effect, fx.Rescale):
            return Event(Kind.RESCALE, effect)
        if isinstance(effect, fx.Unseen) and any(thing.role is Role.SCALER for thing in effect.touches):
            return Event(Kind.ANYTHING, effect)
        return super().event(effect)


class _Scaler(Paths):
    """`met`: what each event that is certain to concern the set found."""

    def __init__(self, view: View, cancel: CancelFlag) -> None:
        super().__init__(view, cancel)
        self.view = view
        self.met: dict[Event, set[Token]] = {}

    def run(self) -> None:
        self.block(self.view.body, {self.conditions.empty: frozenset({Token()})})

    def turn(self, loop: fx.Loop, token: Token) -> Token:
        return token._replace(crossed=token.crossed | {loop}) if token.stepped is not None else token

    def apply(self, event: Event, token: Token) -> tuple[Token, ...]:
        self.met.setdefault(event, set()).add(token)
        after = self._after(event, token)
        return (after,) if event.sure else (token, after)

    def _after(self, event: Event, token: Token) -> Token:
        effect = event.effect
        if isinstance(effect, fx.Backward):
            state = SCALED if effect.scaled_by is not None else _plain(effect, token.state)
            return token._replace(state=state, backward=event, applied=None)
        if isinstance(effect, fx.Unscale):
            return token._replace(state=UNSCALED if token.state == SCALED else token.state, protocol=UNSCALED)
        if isinstance(effect, fx.Step):
            clear = event.clears or token.state == CLEAR
            after = token._replace(state=CLEAR if clear else APPLIED, applied=None if clear else token.applied or event)
            if effect.scaler is not None:
                after = after._replace(protocol=STEPPED, stepped=event, crossed=frozenset())
            return after
        if isinstance(effect, fx.Rescale):
            return token._replace(protocol=READY, stepped=None, crossed=frozenset())
        if event.kind is Kind.CLEAR:
            return token._replace(state=CLEAR, backward=None, applied=None)
        if event.kind is Kind.NEW:
            return Token(CLEAR, protocol=FIRST)
        if event.kind in (Kind.READ, Kind.ADJUST, Kind.WRITE, Kind.COMPUTE):
            return token._replace(state=UNKNOWN)
        return Token() if event.kind in (Kind.ANYTHING, Kind.OTHER) else token


def _plain(effect: fx.Backward, before: str) -> str:
    """The gradients after a backward of a loss that no scaler in sight multiplied."""
    return MIXED if before in (SCALED, UNSCALED, MIXED) or _may_be_scaled(effect.loss) else PLAIN


def _may_be_scaled(loss: Tensor) -> bool:
    """The loss was handed over by code out of sight."""
    return not isinstance(loss.origin, Operation)


def _effect(event: Event | None) -> fx.Backward:
    assert event is not None and isinstance(event.effect, fx.Backward)
    return event.effect


def _clips(scaling: Scaling, target: ParameterSet, view: View, seen: _Scaler) -> None:
    steps = [event.effect for event in view.events if isinstance(event.effect, fx.Step) and event.sure]
    for event, tokens in seen.met.items():
        clip = event.effect
        if not isinstance(clip, fx.Clip) or not event.sure or limit_of(clip) == math.inf:
            continue
        limit = limit_of(clip)
        step = next((step for step in steps if step.site.function is clip.site.function), None)
        found = _found(view, event, tokens)
        if limit is not None and 0 <= limit <= _NOTHING and step is not None and not (found and found <= {APPLIED, CLEAR}):
            scaling.to_nothing.append(ClipToNothing(clip, limit, step))
            continue
        states = {token.state for token in tokens}
        scaled = [token for token in tokens if token.state == SCALED]
        through = next((step for step in steps if step.scaler is not None), None)
        if scaled and through is not None:
            untouched = not any(one.kind in _TOUCHING for one in view.events)
            backward = _effect(scaled[0].backward)
            if (states == {SCALED} or untouched) and backward.scaled_by is not None and enabled(backward.scaled_by) is not False:
                sure = states == {SCALED} and bool(enabled(backward.scaled_by)) and target.certain
                behind = sorted((one for one in view.events if one.order > event.order), key=lambda one: one.order)
                until = takewhile(lambda one: one.kind is not Kind.RESCALE, behind)
                follows = any(isinstance(one.effect, fx.Step) and one.effect.scaler is not None for one in until)
                scaling.scaled_clips.append(ScaledClip(clip, backward, through, follows, target, sure))
        else:
            _pointless(scaling, target, view, event, tokens)


def _found(view: View, event: Event, tokens: set[Token]) -> set[str]:
    """What the gradients are where `event` comes to them, but for what only the first turn of a loop finds."""
    states = {token.state for token in tokens}
    loops = [loop for loop in event.loops if loop.repeats]
    if loops and not any(loops[-1] in one.loops and one.kind in (Kind.ANYTHING, Kind.OTHER) for one in view.events):
        states.discard(UNKNOWN)
    return states


def _pointless(scaling: Scaling, target: ParameterSet, view: View, event: Event, tokens: set[Token]) -> None:
    clip = event.effect
    assert isinstance(clip, fx.Clip)
    states = _found(view, event, tokens)
    loops = [loop for loop in event.loops if loop.repeats]
    if clip.used and limit_of(clip) is None:
        return
    inner = set(loops[-1:])
    near = [one for one in view.events if inner <= set(one.loops) and one.sure]
    steps = [one for one in near if isinstance(one.effect, fx.Step)]
    backwards = [one for one in near if isinstance(one.effect, fx.Backward)]
    cleared = any(one.kind is Kind.CLEAR for one in view.events)
    before = [one for one in steps if one.order < event.order]
    later = min((one for one in backwards if one.order > event.order), key=lambda one: one.order, default=None)
    applied = APPLIED in states or (later is None and bool(before))
    if states <= {APPLIED, CLEAR} and states and applied and cleared and steps and backwards:
        step = max(before or steps, key=lambda one: one.order)
        if isinstance(step.effect, fx.Step):
            backward = _effect(backwards[-1])
            ready = _ready(near, backwards[-1], step)
            scaling.pointless_clips.append(PointlessClip(clip, step.effect, backward, ready, target))
    elif states == {CLEAR} and later is not None and steps:
        scaling.pointless_clips.append(PointlessClip(clip, None, _effect(later), _ready(near, later, None), target))


def _ready(near: Sequence[Event], backward: Event, step: Event | None) -> fx.Effect:
    """After what gradients can be clipped: their backward, or the unscaling between that and `step`."""
    last = step.order if step is not None and step.order > backward.order else math.inf
    unscaled = [one.effect for one in near if one.kind is Kind.UNSCALE and backward.order < one.order < last]
    return unscaled[-1] if unscaled else _effect(backward)


def _steps(scaling: Scaling, view: View, seen: _Scaler) -> None:
    for event, tokens in seen.met.items():
        step = event.effect
        if not isinstance(step, fx.Step) or step.scaler is not None or not event.sure or not tokens:
            continue
        held = {token for token in tokens if token.state != CLEAR} or tokens
        backwards = {token.backward for token in held}
        through = {token.applied for token in tokens}
        again = all(one is not None and isinstance(one.effect, fx.Step) and one.effect.scaler is not None for one in through)
        if None in backwards or not (again or all(token.state == SCALED for token in held)):
            continue
        backward = _effect(next(iter(backwards)))
        scaler = backward.scaled_by
        if scaler is None or enabled(scaler) is False:
            continue
        first = next(iter(through)) if again else None
        if first is not None and (not isinstance(first.effect, fx.Step) or first.effect.optimizers != step.optimizers):
            continue
        sooner = first.effect if first is not None and isinstance(first.effect, fx.Step) else None
        updated = any(one.kind is Kind.RESCALE for one in view.events)
        scaling.scaled_steps.append(ScaledStep(step, backward, sooner, scaler, updated, bool(enabled(scaler))))


def _protocol(scaling: Scaling, target: ParameterSet, view: View, seen: _Scaler) -> None:
    """Errors that the scaler raises; only of one optimizer whose scaler is built in sight."""
    if len(target.optimizers) != 1:
        return
    for event, tokens in seen.met.items():
        effect = event.effect
        scaler = getattr(effect, "through", None)
        if not event.sure or scaler is None or enabled(scaler) is not True:
            continue
        if isinstance(effect, fx.Step):
            crossed = {loop for token in tokens if token.stepped is event for loop in token.crossed if loop in event.loops}
            for loop in crossed:
                if not any(loop in one.loops and one.kind in (Kind.RESCALE, Kind.ANYTHING) for one in view.events):
                    update = next((one.effect for one in view.events if isinstance(one.effect, fx.Rescale)), None)
                    scaling.unupdated.append(Unupdated(effect, scaler, loop, update))
                    break
        elif isinstance(effect, fx.Unscale):
            later = {token.protocol for token in tokens} - {FIRST}
            if later and later <= {UNSCALED, STEPPED}:
                stepped = next((token.stepped.effect for token in tokens if token.stepped is not None), None)
                scaling.twice_unscaled.append(TwiceUnscaled(effect, stepped if isinstance(stepped, fx.Step) else None, scaler))
