"""In which mode, of training or of evaluation, a model computes what it is trained by: along every path."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ...cancel import CancelFlag
from ...program import effects as fx
from ...program.naming import LOSS, suggests
from ...program.program import Entry, Program
from ...program.things import Operation, Role, Thing
from ...source.nodes import walk
from ...source.parse import Site
from ..flow.ancestry import computed_by
from ..models.modules import Content, Modules
from ..wiring.kinship import related, related_by_holding
from ..wiring.sets import ParameterSet, Relation, Wiring, wire
from .events import Event, Kind, Projection, View
from .lifecycle import Intractable, Paths, Worlds

UNKNOWN, TRAIN, EVAL = "unknown", "train", "eval"


class Evaluated(NamedTuple):
    """`forward` ran in the evaluation mode that `switch` had set, `crossed` gone round in between."""

    forward: Event
    switch: Event
    crossed: frozenset[fx.Loop]


class Token(NamedTuple):
    """The mode of a model at one point of one path, and the `switch` that set it.

    `crossed`: loops around the switch that were gone round since. `ahead`: what was computed in evaluation mode and may
    be differentiated yet; `pending`: what was, and may be applied yet.
    """

    mode: str = UNKNOWN
    switch: Event | None = None
    crossed: frozenset[fx.Loop] = frozenset()
    ahead: frozenset[Evaluated] = frozenset()
    pending: frozenset[Evaluated] = frozenset()


@dataclass(frozen=True, slots=True)
class TrainedInEvaluation:
    """`step` applies what `forward` computed in evaluation mode.

    `switch` set that mode, in an earlier turn of `loop` where there is one. `content` is what is inside the model that
    behaves otherwise in training; None where its contents are out of sight. `beginning` is where the
    model, as the forward calls it, could be put into training mode: in front of that statement.
    """

    forward: fx.Forward
    switch: fx.Mode
    step: fx.Step
    loop: fx.Loop | None
    beginning: Site | None
    content: Content | None
    certain: bool


def examine(entry: Entry, program: Program, modules: Modules, cancel: CancelFlag) -> list[TrainedInEvaluation]:
    """The computations of an entry that train a model in evaluation mode, each switch once."""
    switches = [effect for effect in entry.of(fx.Mode) if effect.training is False]
    backwards = entry.of(fx.Backward)
    if not switches or not backwards or program.index.look_alikes:
        return []
    wiring = wire(entry)
    graphs = {effect: computed_by(effect.loss, recorded=True) for effect in backwards}
    called = _switched(entry, switches)
    found: dict[object, TrainedInEvaluation] = {}
    for target in wiring.sets:
        if wiring.hooked(target) or target.needs_closure:
            continue
        trains = [effect for effect in backwards if wiring.backward(effect, target) is not Relation.NO]
        for model, computed in called.items():
            if all(computed.isdisjoint(graphs[effect]) for effect in trains):
                continue
            try:
                for fact in _Follower(wiring, target, model, entry, graphs, cancel).facts(modules):
                    found.setdefault(fact.switch.site.node, fact)
            except Intractable:
                continue
    return list(found.values())


def _switched(entry: Entry, switches: list[fx.Mode]) -> dict[Thing, set[Operation]]:
    """What is called somewhere and was switched to evaluation somewhere, itself or as a part, and what the calls compute."""
    called: dict[Thing, set[Operation]] = {}
    for effect in entry.of(fx.Forward):
        called.setdefault(effect.thing, set()).update([effect.operation] if effect.operation is not None else ())
    switched = dict.fromkeys(thing for switch in switches for thing in switch.things)
    return {model: computed for model, computed in called.items() if any(map(model.within, switched))}


class Modes(Projection):
    """Prunes an entry to what sets the mode of one model, and what trains one set."""

    def __init__(self, wiring: Wiring, target: ParameterSet, model: Thing) -> None:
        super().__init__(wiring, target)
        self.model = model

    def event(self, effect: fx.Effect) -> Event | None:
        if isinstance(effect, fx.Mode):
            return self._switch(effect)
        if isinstance(effect, fx.Forward):
            return Event(Kind.COMPUTE, effect) if effect.thing is self.model else None
        if isinstance(effect, fx.Create):
            return Event(Kind.NEW, effect) if self.model.within(effect.thing) else None
        if isinstance(effect, fx.Rebind):
            return Event(Kind.OTHER, effect) if effect.thing is self.model and not self.model.in_sight else None
        if isinstance(effect, fx.Unseen):
            touched = any(related(thing, self.model) for thing in effect.touches)
            return Event(Kind.ANYTHING, effect) if touched else super().event(effect)
        if isinstance(effect, fx.Assign):
            touched = effect.attribute in ("training", "train", "eval") and related(effect.thing, self.model)
            return Event(Kind.ANYTHING, effect) if touched else None
        return super().event(effect)

    def _switch(self, effect: fx.Mode) -> Event | None:
        if any(self.model.within(thing) for thing in effect.things):
            known = effect.training is not None and len(effect.things) == 1
            return Event(Kind.MODE if known else Kind.ANYTHING, effect)
        others = [thing for thing in effect.things if related(thing, self.model)]
        parts = effect.training is False and all(
            thing.within(self.model) or related_by_holding(self.model, thing) for thing in others
        )
        return None if not others or parts else Event(Kind.ANYTHING, effect)


class _Follower(Paths):
    """Follows the mode of one model, and what it computes in evaluation, to the steps of one set."""

    def __init__(
        self,
        wiring: Wiring,
        target: ParameterSet,
        model: Thing,
        entry: Entry,
        graphs: dict[fx.Backward, dict[Operation, None]],
        cancel: CancelFlag,
    ) -> None:
        self.view: View = Modes(wiring, target, model).view(entry)
        super().__init__(self.view, cancel)
        self.wiring, self.target, self.model, self.graphs = wiring, target, model, graphs
        self.met: dict[Event, set[str]] = {}
        self.applied: dict[Evaluated, tuple[fx.Backward, fx.Step]] = {}
        self.backwards: dict[Evaluated, fx.Backward] = {}

    def without_conditions(self, worlds: Worlds) -> Worlds:
        """Paths that cannot be told apart any more may be no paths at all."""
        raise Intractable

    def turn(self, loop: fx.Loop, token: Token) -> Token:
        if token.switch is None or loop not in token.switch.loops:
            return token
        return token._replace(crossed=token.crossed | {loop})

    def apply(self, event: Event, token: Token) -> tuple[Token, ...]:
        after = self._after(event, token)
        return (after,) if event.sure else (token, after)

    def _after(self, event: Event, token: Token) -> Token:
        effect = event.effect
        if isinstance(effect, fx.Mode) and event.kind is Kind.MODE:
            mode = TRAIN if effect.training else EVAL
            return token._replace(mode=mode, switch=event, crossed=frozenset())
        if isinstance(effect, fx.Create) and event.kind is Kind.NEW:
            return Token(UNKNOWN if effect.thing.copy_of is not None else TRAIN)
        if isinstance(effect, fx.Forward):
            self.met.setdefault(event, set()).add(token.mode)
            if token.mode != EVAL or token.switch is None:
                return token._replace(ahead=frozenset(one for one in token.ahead if one.forward is not event))
            return token._replace(ahead=token.ahead | {Evaluated(event, token.switch, token.crossed)})
        if isinstance(effect, fx.Backward):
            reached = frozenset(one for one in token.ahead if self._reaches(effect, one))
            self.backwards.update(dict.fromkeys(reached, effect))
            return token._replace(ahead=token.ahead - reached, pending=token.pending | reached)
        if isinstance(effect, fx.Step) and event.kind is Kind.STEP:
            for one in token.pending if event.sure else ():
                self.applied.setdefault(one, (self.backwards[one], effect))
            return token._replace(pending=frozenset())
        if event.kind is Kind.CLEAR:
            return token._replace(pending=frozenset())
        return Token() if event.kind in (Kind.ANYTHING, Kind.OTHER) else token

    def _reaches(self, backward: fx.Backward, evaluated: Evaluated) -> bool:
        forward = evaluated.forward.effect
        assert isinstance(forward, fx.Forward)
        return forward.operation is not None and forward.operation in self.graphs[backward]

    def facts(self, modules: Modules) -> Iterator[TrainedInEvaluation]:
        self.block(self.view.body, {self.conditions.empty: frozenset({Token()})})
        for one, (backward, step) in sorted(self.applied.items(), key=lambda pair: len(pair[0].crossed)):
            forward, switch = one.forward.effect, one.switch.effect
            assert isinstance(forward, fx.Forward) and isinstance(switch, fx.Mode)
            if not self._covers(switch.things[0], backward):
                continue
            around = one.forward.loops
            cycle = next((loop for loop in reversed(one.switch.loops) if loop in one.crossed and loop in around), None)
            content, known = content_of(modules, switch.things[0])
            if known and content is None:
                continue
            if cycle is None and (content is None or self.met[one.forward] != {EVAL} or not any(loop.repeats for loop in around)):
                continue
            if any(self._brings_back(event, cycle, one) for event in self.view.events):
                continue
            beginning = _beginning(forward, switch, around, one.switch.loops, cycle)
            certain = content is not None and self.target.certain
            yield TrainedInEvaluation(forward, switch, step, cycle, beginning, content, certain)

    def _brings_back(self, event: Event, cycle: fx.Loop | None, one: Evaluated) -> bool:
        """Something on the way from the switch to the forward may set training mode, guarded or not."""
        if event.kind is Kind.MODE and isinstance(event.effect, fx.Mode) and not event.effect.training:
            return False
        if event.kind not in (Kind.MODE, Kind.ANYTHING, Kind.NEW, Kind.OTHER):
            return False
        if cycle is not None:
            return cycle in event.loops
        return one.switch.order < event.order < one.forward.order or any(loop in event.loops for loop in one.forward.loops)

    def _covers(self, switched: Thing, backward: fx.Backward) -> bool:
        """The switch concerns all that is trained, not only a part of it."""
        if self.target.owners:
            return self.wiring.replaces(switched, self.target)
        called = [operation.callee for operation in self.graphs[backward] if operation.callee is not None]
        return all(one.within(switched) or one.role is Role.LOSS_FUNCTION or suggests(one.name, LOSS) for one in called)


def content_of(modules: Modules, model: Thing) -> tuple[Content | None, bool]:
    """What in the model depends on its mode, and whether the answer is certain."""
    answers = {content: modules.contains(model, content) for content in (Content.DROPOUT, Content.BATCH_NORM)}
    present = next((content for content, answer in answers.items() if answer), None)
    return present, present is not None or None not in answers.values()


def _beginning(
    forward: fx.Forward, switch: fx.Mode, around: tuple[fx.Loop, ...], outer: tuple[fx.Loop, ...], cycle: fx.Loop | None
) -> Site | None:
    """The loop that trains, or the beginning of the turn in which the switch comes later, or the forward itself."""
    if forward.thing not in switch.things or not isinstance(forward.site.node, ast.Call):
        return None
    function = forward.site.function
    inside = set(map(id, walk(function)))
    anchor = forward.site.statement
    inner = [loop.node for loop in around if loop not in outer and loop.repeats and id(loop.node) in inside]
    if inner and isinstance(inner[0], ast.stmt):
        anchor = inner[0]
    elif cycle is not None and id(cycle.node) in inside and isinstance(cycle.node, (ast.For, ast.AsyncFor, ast.While)):
        anchor = cycle.node.body[0]
    return Site(anchor, anchor, function)
