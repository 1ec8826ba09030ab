"""Gradient flow: which parameters differentiating a value would reach, and where its graph was cut."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from ..program.program import Program
from ..program.things import Constant, Many, Mapping, Operation, Parameters, Role, Sequence, Thing
from .graph import Graph, Node, Source

_MAX_STEPS = 400


@dataclass(frozen=True, slots=True)
class Cut:
    """A place where gradients end: an operation whose result has no graph, or that ran while autograd was off."""

    operation: Operation

    @property
    def region(self) -> ast.AST | None:
        """The context or decorator that turned autograd off."""
        return None if self.operation.cuts else self.operation.disabled_by


@dataclass(slots=True)
class Reach:
    """What differentiating a value would reach: the objects whose parameters get a gradient, and the cuts on the way.

    `leaves`: tensors that require a gradient of their own. `opaque`: other things, out of sight, may be reached too.
    """

    modules: set[Thing] = field(default_factory=set)
    leaves: set[Thing] = field(default_factory=set)
    cuts: dict[Operation, Cut] = field(default_factory=dict)
    opaque: bool = False

    @property
    def nothing(self) -> bool:
        """No gradient can flow from here, whatever is out of sight."""
        return not self.opaque and not self.modules and not self.leaves


class Gradients:
    def __init__(self, program: Program) -> None:
        self.graph = Graph(program)

    def reach(self, node: Node) -> Reach:
        """Follow `node` back to every parameter, along every path that may be taken."""
        reach = Reach()
        seen: set[Source] = set()
        waiting = list(self.graph.sources(node))
        while waiting:
            source = waiting.pop()
            if source in seen:
                continue
            seen.add(source)
            if len(seen) > _MAX_STEPS:
                reach.opaque = True
                break
            waiting.extend(self._behind(source, reach))
        return reach

    def _behind(self, source: Source, reach: Reach) -> list[Source]:
        of = source.of
        if isinstance(of, Operation):
            if of.cuts or not of.recorded:
                reach.cuts[of] = Cut(of)
                return []
            if of.callee is not None and of.callee.role is not Role.LOSS_FUNCTION:
                reach.modules.add(of.callee)
                reach.opaque |= of.callee.role is not Role.MODULE
            return [behind for operand in source.operands for behind in self.graph.sources(operand)]
        if isinstance(of, (Sequence, Many, Mapping)):
            return [behind for node in self.graph.flat(Node(of, source.environment)) for behind in self.graph.sources(node)]
        if isinstance(of, Thing):
            self._thing(of, reach)
        elif isinstance(of, Parameters):
            reach.modules |= of.owners
            reach.opaque |= of.opaque
        elif not isinstance(of, Constant):
            reach.opaque = True
        return []

    def _thing(self, thing: Thing, reach: Reach) -> None:
        if thing.role is Role.LEAF:
            reach.leaves.add(thing)
        elif not thing.data:
            reach.opaque = True
