"""Parts of a model that are to be trained and that every loss is cut off from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.in_place import WRITTEN
from ...program.program import Program
from ...program.things import Role, Thing
from ..models.modules import Content, Modules
from ..wiring.kinship import related, related_by_holding
from ..wiring.sets import ParameterSet, wire
from .gradients import Cut, Gradients, Reach
from .graph import Source

_SET_BY_HAND = frozenset({"load_state_dict", "from_pretrained", WRITTEN})


@dataclass(frozen=True, slots=True)
class IdleBranch:
    """`part` is held by an optimizer of `target`, a loss of `backward` depends on it, and no loss reaches it: see `cut`."""

    part: Thing
    cut: Cut
    backward: fx.Backward
    target: ParameterSet

    @property
    def place(self) -> ast.AST:
        """Where the gradients end: the context that turns autograd off, or the operation that cuts."""
        return self.cut.region or self.cut.operation.site.node


def idle_branches(program: Program, gradients: Gradients, modules: Modules) -> Iterator[IdleBranch]:
    """Nothing is said where one loss is not followed to all its ends, or gradients are written by hand."""
    goals = {effect: gradients.of(effect) for entry in program.entries for effect in entry.of(fx.Backward)}
    if not any(reach.cuts for reach in goals.values()) or not program.complete:
        return
    if any(reach.opaque for reach in goals.values()) or any(entry.of(fx.Write) or entry.of(fx.Hook) for entry in program.entries):
        return
    stepped = {optimizer for entry in program.entries for effect in entry.of(fx.Step) for optimizer in effect.optimizers}
    sets = [target for entry in program.entries for target in wire(entry).sets]
    sets = [target for target in sets if target.certain and stepped.issuperset(target.optimizers)]
    sets = [target for target in sets if any(_trains(reach, target) for reach in goals.values())]
    kept_out = _kept_out(program)
    told: set[Thing] = set()
    for backward, reach in goals.items():
        for cut in gradients.severed(reach) if reach.modules else ():
            for part in _parts(gradients.behind(cut), modules):
                target = next((one for one in sets if any(_holds(owner, part) for owner in one.owners)), None)
                if target is None or part.thing in told or any(_reached(part, other) for other in goals.values()):
                    continue
                if not any(related(thing, one) for thing in part.chain for one in kept_out):
                    told.add(part.thing)
                    yield IdleBranch(part.thing, cut, backward, target)


@dataclass(frozen=True, slots=True)
class _Part:
    """A layer with weights of its own, and the modules it was called in, outermost first."""

    thing: Thing
    chain: tuple[Thing, ...]


def _parts(behind: Reach, modules: Modules) -> Iterator[_Part]:
    for source in behind.passed:
        layer = source.operation.callee if source.operation is not None else None
        if layer is None or layer.role is not Role.MODULE or layer.cls is not None or not layer.in_sight:
            continue
        if modules.has_parameters(layer) and modules.contains(layer, Content.DRAWN) and layer.name:
            yield _Part(layer, (*_called(source), layer))


def _called(source: Source) -> tuple[Thing, ...]:
    return tuple(operation.callee for operation in source.calls if operation.callee is not None)


def _holds(owner: Thing, part: _Part) -> bool:
    return any(one.within(owner) or related_by_holding(owner, one) for one in part.chain)


def _trains(reach: Reach, target: ParameterSet) -> bool:
    """Some of what the optimizer holds gets a gradient, so that its steps are no idle ones."""
    return any(related(owner, one) for owner in target.owners for one in (*reach.models, *reach.leaves))


def _reached(part: _Part, reach: Reach) -> bool:
    """A gradient gets to the layer itself, or to a part of it that stands for others too."""
    return any(related(part.thing, one) for one in (*reach.modules, *reach.leaves))


def _kept_out(program: Program) -> list[Thing]:
    """What is frozen some time, loaded, changed by hand or known to code out of sight."""
    found: list[Thing] = [
        thing for thing in program.things if thing.uses & _SET_BY_HAND or thing.escaped or thing.copy_of is not None
    ]
    for thing in program.things:
        if thing.role is None and not thing.in_sight:
            found.extend(held for held in thing.holds if held.role is Role.MODULE)
    for freeze in program.effects(fx.Freeze):
        if freeze.trainable is not True:
            found.extend(freeze.parameters.owners)
    for unseen in program.effects(fx.Unseen):
        found.extend(thing for thing in unseen.touches if thing.role is not Role.OPTIMIZER and not thing.carries)
    return found
