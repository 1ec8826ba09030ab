"""Gradient flow: which parameters differentiating a value would reach, and where its graph was cut."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from ...immutable import value_class
from ...program.effects import Backward
from ...program.naming import LOSS, OPTIONS, suggests
from ...program.program import Program
from ...program.things import Constant, External, Many, Mapping, Operation, Parameters, Role, Sequence, Tensor, Thing
from ...program.vocabulary import MADE_ANEW, MODULE_USES
from .graph import Environment, Graph, Node, Source
from .values import REARRANGING

_MAX_STEPS = 400
# Gradients flow to the first operand alone: the others are numbers, dimensions, or an index.
_OF_ONE_TENSOR = REARRANGING | frozenset(
    {"mean", "sum", "softmax", "log_softmax", "logsumexp", "std", "var", "cumsum", "sqrt", "exp", "log", "sigmoid", "tanh",
     "relu", "interpolate", "pad", "topk", "unbind", "abs", "roll", "flip", "prod", "norm", "argmax", "argmin"}
)  # fmt: skip
_CRITERION = frozenset({"criterion", "criterions", "crit", "criteria"})
_WITHOUT_PARAMETERS = frozenset({Role.SCALER, Role.OPTIMIZER, Role.SCHEDULER, Role.LOSS_FUNCTION})


@value_class
class Cut:
    """A place where gradients end: an operation whose result has no graph, or that ran while autograd was off.

    `into` is the operation that took the result, None where that is differentiated itself.
    """

    source: Source
    into: Operation | None = None

    @property
    def operation(self) -> Operation:
        assert isinstance(self.source.of, Operation)
        return self.source.of

    @property
    def region(self) -> ast.AST | None:
        """The context, decorator or call that turned autograd off."""
        return None if self.operation.cuts else self.operation.disabled_by


@dataclass(slots=True)
class Reach:
    """What differentiating a value would reach: the objects whose parameters get a gradient, and the cuts on the way.

    `leaves`: tensors that require a gradient of their own; `made_leaves`: computed tensors that were made such leaves.
    `hidden`: other things, out of sight, may be reached too; `unsure`: one of `modules` is only called like one.
    `operations` are those that were passed, on the ways `passed`; `data` the things without parameters that were met.
    `assumed`: a loss function out of sight is taken to have no parameters.
    """

    modules: set[Thing] = field(default_factory=set)
    leaves: set[Thing] = field(default_factory=set)
    made_leaves: dict[Operation, None] = field(default_factory=dict)
    cuts: dict[Operation, Cut] = field(default_factory=dict)
    hidden: bool = False
    unsure: bool = False
    operations: dict[Operation, Source] = field(default_factory=dict)
    passed: dict[Source, None] = field(default_factory=dict)
    data: set[Thing] = field(default_factory=set)
    assumed: bool = False

    @property
    def opaque(self) -> bool:
        return self.hidden or self.unsure

    @property
    def models(self) -> set[Thing]:
        """What was called: modules in sight that were entered, and all that were not."""
        entered = {source.calls[0].callee for source in self.passed if source.calls}
        return self.modules | {thing for thing in entered if thing is not None}

    @property
    def nothing(self) -> bool:
        """No gradient can flow from here, whatever is out of sight."""
        return not self.opaque and not self.modules and not self.leaves and not self.made_leaves

    @property
    def parameters(self) -> bool:
        """Something that can be trained, or may be, is reached."""
        return self.opaque or bool(self.modules) or bool(self.leaves)


class Gradients:
    """What gradients of a program reach; those that `tape` takes, where one does."""

    def __init__(self, program: Program, tape: Thing | None = None) -> None:
        self.graph = Graph(program, recorded=True, tape=tape)
        self._tape = tape
        self._everything = Graph(program)
        # By the identity of the value: tensors are equal where their sources are, however they were computed.
        self._reached: dict[tuple[int, Environment], tuple[Node, Reach]] = {}
        self._behind_cuts: dict[Source, Reach] = {}

    def reach(self, node: Node) -> Reach:
        """Follow `node` back to every parameter, along every path that may be taken."""
        key = (id(node.value), node.environment)
        known = self._reached.get(key)
        if known is None:
            known = self._reached[key] = (node, self._walk(node, self.graph, through_cuts=False))
        return known[1]

    def of(self, backward: Backward) -> Reach:
        """What a backward reaches."""
        return self.reach(Node(backward.loss))

    def behind(self, cut: Cut) -> Reach:
        """What the numbers of a value that was cut off depend on, through all further cuts."""
        found = self._behind_cuts.get(cut.source)
        if found is None:
            found = self._behind_cuts[cut.source] = self._walk_all(cut.source)
        return found

    def numbers(self, node: Node) -> Reach:
        """What the numbers of `node` depend on, whether or not a gradient flows back."""
        return self._walk(node, self._everything, through_cuts=True)

    def severed(self, reach: Reach) -> list[Cut]:
        """The cuts behind which there is something to train."""
        return [cut for cut in reach.cuts.values() if self.behind(cut).parameters]

    def _walk_all(self, source: Source) -> Reach:
        reach = Reach()
        self._follow([(entered, None) for entered in self._entered(source)], reach, self._everything, through_cuts=True)
        return reach

    def _entered(self, source: Source) -> list[Source]:
        """The result of a call that ran while autograd was off, entered."""
        operation = source.operation
        if operation is not None and operation.name == "call":
            return list(self._everything.sources(Node(Tensor(origin=operation), source.environment)))
        return [source]

    def _walk(self, node: Node, graph: Graph, *, through_cuts: bool) -> Reach:
        reach = Reach()
        self._follow([(source, None) for source in graph.sources(node)], reach, graph, through_cuts=through_cuts)
        return reach

    def _follow(self, waiting: list[tuple[Source, Operation | None]], reach: Reach, graph: Graph, *, through_cuts: bool) -> None:
        seen: dict[tuple[object, Environment], Source] = {}
        while waiting:
            source, into = waiting.pop()
            if source.key in seen:
                continue
            seen[source.key] = source
            if len(seen) > _MAX_STEPS:
                reach.hidden = True
                return
            of = source.of
            if isinstance(of, Operation):
                waiting.extend((behind, of) for behind in self._operation(of, source, into, reach, graph, through_cuts))
            elif isinstance(of, (Sequence, Many, Mapping)):
                parts = graph.flat(Node(of, source.environment))
                waiting.extend((behind, into) for node in parts for behind in graph.sources(node))
            else:
                self._end(of, reach)

    def _operation(
        self, of: Operation, source: Source, into: Operation | None, reach: Reach, graph: Graph, through_cuts: bool
    ) -> list[Source]:
        if of.leaf_at is not None:
            reach.made_leaves[of] = None
        if not through_cuts and graph.ends(of, source.environment):
            reach.cuts.setdefault(of, Cut(source, into))
            return [behind for value in of.writes for behind in graph.sources(Node(value, source.environment))]
        reach.operations.setdefault(of, source)
        reach.passed[source] = None
        if of.callee is not None and _is_loss_function(of.callee):
            reach.assumed = True
        elif of.callee is not None and of.callee.role is not Role.LOSS_FUNCTION:
            reach.modules.add(of.callee)
            reach.unsure |= not is_a_module(of.callee)
        given = source.operands[: 0 if of.name in MADE_ANEW else 1 if of.name in _OF_ONE_TENSOR else None]
        if self._tape is not None:
            given = tuple(node for node in given if not isinstance(node.value, External))
        operands = (*given, *(Node(value, source.environment) for value in of.writes))
        return [behind for operand in operands for behind in graph.sources(operand)]

    def _end(self, of: Thing | Constant | Parameters | Operation | None, reach: Reach) -> None:
        if isinstance(of, Thing):
            if of.role is Role.LEAF:
                reach.leaves.add(of)
            elif (of.data and not of.grown and not of.top.grown) or (self._tape is not None and self._unrecorded(of)):
                reach.data.add(of)
            else:
                reach.hidden |= of.role not in _WITHOUT_PARAMETERS and not _is_option(of)
        elif isinstance(of, Parameters):
            reach.modules |= of.owners
            reach.hidden |= of.opaque
        elif not isinstance(of, Constant):
            reach.hidden = True

    def _unrecorded(self, thing: Thing) -> bool:
        """It was there before the tape began: what a function was given, or what a call outside of the tape returned."""
        while thing.parent is not None and thing.role is None and "." not in thing.name:
            thing = thing.parent
        if thing.role is not None or thing.parent is not None:
            return False
        return isinstance(thing.node, ast.arg) or (isinstance(thing.node, ast.expr) and self._tape not in thing.tapes)


def is_a_module(thing: Thing) -> bool:
    """By its class, or by what is done to it beside the call."""
    return thing.role is Role.MODULE or not thing.uses.isdisjoint(MODULE_USES)


def _is_option(thing: Thing) -> bool:
    """By its name, an attribute of what the program was told from outside."""
    return thing.role is None and thing.parent is not None and suggests(thing.parent.name.rpartition(".")[2], OPTIONS)


def _is_loss_function(thing: Thing) -> bool:
    """By its name, a loss function out of sight: a variable of its own, or an attribute that is called a criterion."""
    if thing.role is not None or thing.cls is not None:
        return False
    return suggests(thing.name, LOSS) if thing.parent is None else suggests(thing.name.rpartition(".")[2], _CRITERION)
