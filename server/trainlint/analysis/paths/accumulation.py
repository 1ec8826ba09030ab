"""Gradients that are gathered over several batches: where a step waits for every k-th turn of its loop."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...program import effects as fx
from ...program.frameworks.table import normalises
from ...program.guards import And, Guard, Not, Or, Periodic
from ...program.program import Entry
from ...program.things import Partial, Tensor
from ...source.nodes import walk
from ..wiring.sets import ParameterSet
from .events import Event, Kind, View

_OTHERWISE = frozenset({Kind.READ, Kind.WRITE, Kind.ANYTHING, Kind.NEW, Kind.OTHER})

Chain = tuple[tuple[Guard, bool], ...]


@dataclass(frozen=True, slots=True)
class Accumulation:
    """`step` waits for `period` turns of `loop`, each of which runs `backward`.

    `exact`: nothing else lets it step. `cleared`: what throws the gradients of every turn away before the next one.
    `restarts`: the turns are counted anew each time the loop is entered. `flushed`: a step behind the loop applies the rest.
    """

    step: fx.Step
    backward: fx.Backward
    period: Periodic
    loop: fx.Loop
    exact: bool
    cleared: fx.Clear | None
    restarts: bool
    flushed: bool
    clipped: bool
    target: ParameterSet

    @property
    def sensitive(self) -> bool:
        """The step depends on how large the gradients are, and the rate is not computed from something."""
        if any(isinstance(optimizer.arguments.get("lr"), Tensor) for optimizer in self.target.optimizers):
            return False
        kinds = [(optimizer.created_by or "").rpartition(".")[2] for optimizer in self.target.optimizers]
        return self.clipped or not all(map(normalises, kinds))

    @property
    def numbered(self) -> bool:
        """The loop counts numbers and goes over no data: how many there are is chosen, perhaps to fit."""
        return isinstance(self.loop.over, Partial)

    @property
    def turns(self) -> int | None:
        """The number of turns that the step waits for, where it is known."""
        return self.period.modulus if isinstance(self.period.modulus, int) else None

    @property
    def written(self) -> ast.AST | None:
        """The number of turns as it is written, where it is in the function of the backward too."""
        node = self.period.written
        return node if any(inner is node for inner in walk(self.backward.site.function)) else None


@dataclass(slots=True)
class _Place:
    """Where an event is: the innermost loop that repeats, and what has to hold in a turn of it to get there."""

    loop: fx.Loop | None
    chain: Chain


@dataclass(slots=True)
class _Layout:
    places: dict[Event, _Place] = field(default_factory=dict)
    counts: list[tuple[fx.Count, _Place]] = field(default_factory=list)


def accumulations(entry: Entry, views: Sequence[tuple[ParameterSet, View]]) -> Iterator[Accumulation]:
    """Every accumulation of gradients in one entry, seen by each set of parameters."""
    clipped = any(isinstance(effect, fx.Clip) for effect in entry.effects) if any(view.periods for _, view in views) else False
    layouts = {id(view): _layout(view) for _, view in views if any(view.periods.values())}
    for target, view in views:
        layout = layouts.get(id(view))
        if layout is None:
            continue
        for step in view.events:
            if step.kind is Kind.STEP and step.sure and not step.clears:
                found = _of_step(step, target, view, layout, views, layouts, clipped)
                if found is not None:
                    yield found


def _of_step(
    step: Event,
    target: ParameterSet,
    view: View,
    layout: _Layout,
    views: Sequence[tuple[ParameterSet, View]],
    layouts: dict[int, _Layout],
    clipped: bool,
) -> Accumulation | None:
    place = layout.places[step]
    loop, guarded = place.loop, _waits(place.chain)
    if loop is None or guarded is None or not _counts(layout, guarded[0], loop):
        return None
    inside = [event for event in layout.places if loop in event.loops]
    if any(event.kind in _OTHERWISE or (event.kind is Kind.COMPUTE and event.clears) for event in inside):
        return None
    steps = [event for event in inside if event.kind is Kind.STEP]
    if any(layout.places[event].loop is not loop or _waits(layout.places[event].chain) is None for event in steps):
        return None
    backwards = [event for event in inside if event.kind is Kind.BACKWARD and event.sure]
    if len(backwards) != 1 or layout.places[backwards[0]].loop is not loop or layout.places[backwards[0]].chain:
        return None
    (backward,) = backwards
    for other, seen in views:
        if other is not target and any(event.effect is backward.effect for event in seen.events):
            arranged = layouts.get(id(seen))
            own = [
                event for event in seen.events if event.kind is Kind.STEP and any(one.node is loop.node for one in event.loops)
            ]
            if arranged is None or any(_waits(arranged.places[event].chain) is None for event in own):
                return None
    assert isinstance(step.effect, fx.Step) and isinstance(backward.effect, fx.Backward)
    return Accumulation(
        step.effect,
        backward.effect,
        guarded[0],
        loop,
        guarded[1],
        next((effect for effect in _every_turn(inside, layout, loop)), None),
        _restarts(layout, guarded[0], view.around.get(loop, ())),
        any(
            event.kind in (Kind.STEP, *_OTHERWISE) and event.order > step.order and loop not in event.loops
            for event in view.events
        ),
        clipped,
        target,
    )


def _every_turn(inside: list[Event], layout: _Layout, loop: fx.Loop) -> Iterator[fx.Clear]:
    """Clears that run in every turn of the loop."""
    for event in inside:
        place = layout.places[event]
        if event.kind is Kind.CLEAR and event.sure and place.loop is loop and not place.chain:
            assert isinstance(event.effect, fx.Clear)
            yield event.effect


def _waits(chain: Chain) -> tuple[Periodic, bool] | None:
    """The period that a guard around the step waits for, and whether nothing else lets it pass."""
    found = [waiting for guard, truth in chain if (waiting := _period(guard, truth)) is not None]
    return found[0] if len(found) == 1 else None


def _period(guard: Guard, truth: bool) -> tuple[Periodic, bool] | None:
    if isinstance(guard, Not):
        return _period(guard.guard, not truth)
    if isinstance(guard, Periodic):
        return (guard, True) if truth else None
    if isinstance(guard, (And, Or)):
        found = [waiting for part in guard.guards if (waiting := _period(part, truth)) is not None]
        return (found[0][0], False) if len(found) == 1 else None
    return None


def _counts(layout: _Layout, period: Periodic, loop: fx.Loop) -> bool:
    """The counter advances by one in every turn of the loop."""
    own = [(effect, place) for effect, place in layout.counts if effect.counter == period.counter and place.loop is loop]
    return len(own) == 1 and own[0][0].by == 1 and not own[0][1].chain


def _restarts(layout: _Layout, period: Periodic, around: tuple[fx.Loop, ...]) -> bool:
    outer = [loop for loop in around if loop.repeats]
    return bool(outer) and any(
        effect.counter == period.counter and not effect.by and place.loop is outer[-1] for effect, place in layout.counts
    )


def _layout(view: View) -> _Layout:
    layout = _Layout()
    _arrange(view.body, _Place(None, ()), layout)
    return layout


def _arrange(block: fx.Block, place: _Place, layout: _Layout) -> None:
    for item in block.items:
        if isinstance(item, Event):
            layout.places[item] = place
        elif isinstance(item, fx.Count):
            layout.counts.append((item, place))
        elif isinstance(item, fx.Branch):
            _arrange(item.body, _Place(place.loop, (*place.chain, (item.guard, True))), layout)
            _arrange(item.orelse, _Place(place.loop, (*place.chain, (item.guard, False))), layout)
            for side, truth in ((item.body, False), (item.orelse, True)):
                if side.items and isinstance(side.items[-1], fx.Jump):
                    place = _Place(place.loop, (*place.chain, (item.guard, truth)))
        elif isinstance(item, fx.Loop):
            _arrange(item.body, _Place(item.origin or item, ()) if item.repeats else place, layout)
            _arrange(item.orelse, place, layout)
        else:
            for part in fx.blocks_of(item):
                _arrange(part, place, layout)
