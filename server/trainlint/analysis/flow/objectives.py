"""What backwards differentiate: losses by which nothing can train, and why."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ...program import effects as fx
from ...program.frameworks.table import LOSS_OPERATIONS
from ...program.naming import LOSS, suggests
from ...program.program import Program
from ...program.things import Operation, Role, Thing
from ...source.nodes import walk
from .gradients import Cut, Gradients, Reach
from .graph import Node

# What keeps a number a number: a loss that is made a leaf may go through these before it is differentiated.
_SCALAR = frozenset(
    {"add", "sub", "mul", "div", "neg", "mean", "sum", "stack", "squeeze", "reshape", "view", "to", "cuda", "float", "double",
     "clone", "requires_grad_", "scale", "abs", "getitem"}
)  # fmt: skip
_BATCHES = re.compile(r"load|data|batch|iter|sample|example|train|valid|test|chunk|pair", re.IGNORECASE)


class Fault(Enum):
    """Why nothing trains by a loss."""

    DETACHED = "an operation cut its graph"
    NO_GRAD = "it was computed inside a context or function that turns autograd off"
    MODE = "it was computed after a call that turned autograd off"
    LEAF = "its number was made a leaf"
    SEED = "only the number it started from requires a gradient"
    DATA = "it is computed from data alone"


@dataclass(frozen=True, slots=True)
class DeadLoss:
    """`backward` differentiates a loss that reaches no parameter; `place` is where it lost them.

    `assumed`: a loss function out of sight is taken to have no parameters.
    """

    backward: fx.Backward
    fault: Fault
    place: ast.AST
    cut: Cut | None
    assumed: bool


class Objectives:
    def __init__(self, program: Program, gradients: Gradients) -> None:
        self._program = program
        self._gradients = gradients

    def dead(self) -> Iterator[DeadLoss]:
        """Every backward by which nothing can train: not one that others reach with a graph, in whose way a mode of the model
        stands where it has none."""
        alive: set[ast.AST] = set()
        found: list[DeadLoss] = []
        for entry in self._program.entries:
            switches = {effect.site.node for effect in entry.of(fx.GradMode)}
            read = {owner for effect in entry.of(fx.Read) for owner in effect.parameters.owners}
            for effect in entry.of(fx.Backward):
                dead = self._examine(effect, switches, read)
                if dead is not None:
                    found.append(dead)
                else:
                    alive.add(effect.site.node)
        for dead in found:
            if dead.backward.site.node not in alive or not _of_the_caller(dead):
                yield dead

    def _examine(self, backward: fx.Backward, switches: set[ast.AST], read: set[Thing]) -> DeadLoss | None:
        reach = self._gradients.of(backward)
        if reach.opaque or reach.modules or not all(is_batch(thing) for thing in reach.data):
            return None
        severed = self._gradients.severed(reach)
        if reach.leaves or reach.made_leaves:
            return self._on_leaf(backward, reach, severed, read)
        if severed:
            cut = min(severed, key=lambda cut: cut.region is not None)
            if cut.region is None:
                return DeadLoss(backward, Fault.DETACHED, cut.operation.site.node, cut, reach.assumed)
            fault = Fault.MODE if cut.region in switches else Fault.NO_GRAD
            return DeadLoss(backward, fault, cut.region, cut, reach.assumed)
        losses = [operation for operation in reach.operations if is_loss(operation)]
        if not losses or len(losses) != len([one for one in losses if len(one.inputs) > 1]):
            return None
        return DeadLoss(backward, Fault.DATA, losses[0].site.node, None, reach.assumed)

    def _on_leaf(self, backward: fx.Backward, reach: Reach, severed: list[Cut], read: set[Thing]) -> DeadLoss | None:
        """A loss that was made a leaf, or added up on one: not one that is trained, or whose gradient is looked at."""
        if not {operation.name for operation in reach.operations} <= _SCALAR or reach.leaves & (read | self._trained):
            return None
        for operation in reach.made_leaves:
            cut = reach.cuts.get(operation)
            if cut is None or operation.leaf_at is None or not self._a_loss(cut, backward):
                return None
            return DeadLoss(backward, Fault.LEAF, operation.leaf_at, cut, reach.assumed)
        remade = [thing for thing in reach.leaves if thing.made_by is not None]
        for thing in remade:
            assert thing.made_by is not None
            behind = self._gradients.numbers(Node(thing.made_by.inputs[0])) if thing.made_by.inputs else Reach()
            if behind.opaque:
                return None
            if behind.modules and (any(map(is_loss, behind.operations)) or suggests(backward.text, LOSS)):
                return DeadLoss(backward, Fault.LEAF, thing.made_by.site.node, None, reach.assumed)
        seed = next(iter(remade), None)
        cut = next((cut for cut in severed if self._gradients.behind(cut).modules), None)
        if seed is None or seed.made_by is None or cut is None or len(remade) != len(reach.leaves):
            return None
        return DeadLoss(backward, Fault.SEED, seed.made_by.site.node, cut, reach.assumed)

    def _a_loss(self, cut: Cut, backward: fx.Backward) -> bool:
        behind = self._gradients.behind(cut)
        return bool(behind.modules) and (any(map(is_loss, behind.operations)) or suggests(backward.text, LOSS))

    @property
    def _trained(self) -> set[Thing]:
        """Tensors that an optimizer holds."""
        return {
            owner
            for thing in self._program.things
            if thing.role is Role.OPTIMIZER and thing.parameters is not None
            for owner in thing.parameters.owners
        }


def _of_the_caller(dead: DeadLoss) -> bool:
    """What turns autograd off stands in another function than the backward, which others may call as well."""
    region = dead.cut.region if dead.cut is not None else None
    return region is not None and not any(node is region for node in walk(dead.backward.site.function))


def is_loss(operation: Operation) -> bool:
    """It computes a loss, by the tables or by the role of what is called."""
    callee = operation.callee
    return operation.name in LOSS_OPERATIONS or (callee is not None and callee.role is Role.LOSS_FUNCTION)


def is_batch(thing: Thing) -> bool:
    """What a loop over data hands out: not a loss, nor a member of a collection that nobody can look into."""
    top = thing
    while top.parent is not None:
        top = top.parent
    return top is not thing and (top.role is Role.OTHER or is_name_of_batches(top.name.rpartition(".")[2]))


def is_name_of_batches(name: str) -> bool:
    return bool(_BATCHES.search(name))
