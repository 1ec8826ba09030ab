"""Losses that are cut off from the very model that the next step is to train by them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.naming import affinity
from ...program.program import Entry, Program
from ...program.things import Thing
from ..wiring.kinship import related
from ..wiring.sets import Wiring, wire
from .gradients import Cut, Gradients, Reach

_DETACHING = frozenset({"detach", "detach_", "data"})


@dataclass(frozen=True, slots=True)
class CutOff:
    """`backward` gives `model` no gradient, because `cut` lies between, and `step` has nothing else to apply.

    `assumed`: that `step` is to train `model` is told by their names.
    """

    backward: fx.Backward
    cut: Cut
    model: Thing
    step: fx.Step
    assumed: bool


@dataclass(frozen=True, slots=True)
class _Goal:
    """A backward with all that it reaches."""

    backward: fx.Backward
    reach: Reach

    def trains(self, model: Thing) -> bool:
        return self.reach.hidden or any(related(model, one) for one in (*self.reach.models, *self.reach.leaves))


def cut_off(program: Program, gradients: Gradients) -> Iterator[CutOff]:
    for entry in program.entries:
        goals = [_Goal(effect, gradients.of(effect)) for effect in entry.of(fx.Backward)]
        if any(cut.operation.name in _DETACHING for goal in goals for cut in goal.reach.cuts.values()):
            yield from _in_entry(entry, goals, gradients)


def _in_entry(entry: Entry, goals: list[_Goal], gradients: Gradients) -> Iterator[CutOff]:
    wiring = wire(entry)
    since: list[fx.Effect] = []
    told: set[object] = set()
    for effect in entry.effects:
        if not isinstance(effect, fx.Step):
            since.append(effect)
            continue
        here = [goal for goal in goals if goal.backward in since and goal.reach.modules]
        for goal in here:
            for cut in gradients.severed(goal.reach):
                model, assumed = _meant(effect, cut, goal, wiring, gradients)
                if model is None or effect.site.node in told or any(one.trains(model) for one in goals):
                    continue
                if not _acted_on(model, since):
                    told.add(effect.site.node)
                    yield CutOff(goal.backward, cut, model, effect, assumed)
        since = []


def _meant(step: fx.Step, cut: Cut, goal: _Goal, wiring: Wiring, gradients: Gradients) -> tuple[Thing | None, bool]:
    """The model behind the cut that the optimizer of the step holds, and whether only their names say so."""
    if cut.region is not None or cut.operation.name not in _DETACHING or len(step.optimizers) != 1:
        return None, False
    (optimizer,) = step.optimizers
    target = next((one for one in wiring.sets if optimizer in one.optimizers), None)
    behind = gradients.behind(cut).models
    if target is None or not behind:
        return None, False
    if target.certain:
        if any(goal.trains(owner) for owner in target.owners):
            return None, False
        held = [owner for owner in target.owners if any(related(model, owner) for model in behind)]
        return (held[0] if held else None), False
    others = [affinity(optimizer.name, one.name) for one in goal.reach.models]
    named = max(behind, key=lambda model: affinity(optimizer.name, model.name))
    return (named if others and affinity(optimizer.name, named.name) > max(others) else None), True


def _acted_on(model: Thing, effects: list[fx.Effect]) -> bool:
    """Something else may give the model gradients: code out of sight, or the program itself."""
    for effect in effects:
        if isinstance(effect, (fx.Write, fx.Hook)):
            return True
        if isinstance(effect, fx.Unseen) and any(related(model, thing) for thing in effect.touches if not thing.carries):
            return True
    return False
