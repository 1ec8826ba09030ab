"""What losses are made of: terms that train nothing, and losses that were never reduced to one number."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.frameworks.table import LOSS_OPERATIONS
from ...program.names import text_of
from ...program.program import Program
from ...program.things import NONE, Constant, Operation
from ...source.nodes import walk
from .gradients import Cut, Gradients
from .graph import Graph, Node, Source

_MAX_STEPS = 60
_SUMS = frozenset({"add", "sub", "neg"})
# Their results are whole numbers or truth values: no gradient goes through, whatever is meant.
_WITHOUT_GRADIENT = frozenset({"compare", "argmax", "argmin", "eq", "ne", "gt", "lt", "ge", "le", "long", "int", "bool"})
# These have as many numbers as their first operand, or as the larger of two.
_BY_ELEMENT = frozenset(
    {"neg", "exp", "log", "sqrt", "square", "pow", "abs", "clamp", "view", "reshape", "flatten", "squeeze", "unsqueeze",
     "transpose", "permute", "t", "contiguous", "clone", "to", "float", "double", "half", "cuda", "cpu", "type", "scale"}
)  # fmt: skip
_OF_TWO = frozenset({"add", "sub", "mul", "div"})


@dataclass(frozen=True, slots=True)
class IdleTerm:
    """A term of the loss of `backward` that depends on the model, and through which no gradient flows: it ends at `cut`.

    `assumed`: a loss function out of sight is taken to have no parameters.
    """

    backward: fx.Backward
    cut: Cut
    assumed: bool


@dataclass(frozen=True, slots=True)
class UnreducedLoss:
    """`backward` differentiates many numbers at once: `loss` was told not to reduce them. `written` is the expression."""

    backward: fx.Backward
    loss: Operation
    written: ast.expr | None

    @property
    def text(self) -> str:
        """The expression as something a dot may follow."""
        text = text_of(self.written) if self.written is not None else ""
        return text if isinstance(self.written, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)) else f"({text})"


def idle_terms(program: Program, gradients: Gradients) -> Iterator[IdleTerm]:
    for backward in _backwards(program):
        terms = list(_terms(gradients.graph, Node(backward.loss)))
        if len(terms) < 2:
            continue
        reaches = [gradients.reach(term) for term in terms]
        if not any(reach.modules for reach in reaches):
            continue
        for reach in reaches:
            cuts = list(reach.cuts.values())
            if not reach.nothing or not all(cut.region is None and cut.operation.name in _WITHOUT_GRADIENT for cut in cuts):
                continue
            severed = [cut for cut in cuts if gradients.behind(cut).modules]
            if severed:
                yield IdleTerm(backward, severed[0], reach.assumed)


def unreduced_losses(program: Program, graph: Graph) -> Iterator[UnreducedLoss]:
    for backward in _backwards(program):
        if backward.options.get("gradient", NONE) != NONE or "**" in backward.options:
            continue
        sources = graph.sources(Node(backward.loss))
        found = [_unreduced(source, graph) for source in sources]
        if found and found[0] is not None and None not in found:
            yield UnreducedLoss(backward, found[0], differentiated(backward))


def differentiated(backward: fx.Backward) -> ast.expr | None:
    """The expression that a backward differentiates, where it is written there."""
    written = (node for node in walk(backward.site.node) if isinstance(node, ast.expr))
    return next((node for node in written if text_of(node) == backward.text), None)


def _backwards(program: Program) -> Iterator[fx.Backward]:
    for entry in program.entries:
        yield from entry.of(fx.Backward)


def _terms(graph: Graph, node: Node, depth: int = 12) -> Iterator[Node]:
    """What is added up to `node`; itself where it is no sum, or one of several."""
    sources = graph.sources(node)
    if len(sources) == 1 and sources[0].name in _SUMS and depth:
        for operand in sources[0].operands:
            if not isinstance(operand.value, Constant):
                yield from _terms(graph, operand, depth - 1)
    else:
        yield node


def _unreduced(source: Source, graph: Graph, depth: int = 12) -> Operation | None:
    """The loss function that hands on all its numbers, each for itself, to `source`."""
    operation = source.operation
    if operation is None or depth == 0:
        return None
    if operation.name in LOSS_OPERATIONS:
        given = operation.arguments
        whole = given.get("reduction") == Constant("none") or given.get("reduce") == Constant(False)
        return operation if whole and "**" not in given else None
    operands = source.operands if operation.name in _OF_TWO else source.operands[:1] if operation.name in _BY_ELEMENT else ()
    for operand in operands:
        found = [_unreduced(behind, graph, depth - 1) for behind in graph.sources(operand)]
        if found and None not in found:
            return found[0]
    return None
