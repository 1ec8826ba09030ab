"""Values that a loss takes for probabilities, and that the same run of the function takes for logits at another place."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ...program.program import Program
from ...program.things import Operation, Tensor, Thing
from ...source.parse import Site
from ..flow.graph import Node
from ..flow.values import Values

# These hand on every number of their first operand.
_STILL = frozenset({"cast", "reshape", "squeeze", "expand_dims", "identity", "float", "to"})
ACTIVATIONS = frozenset({"softmax", "sigmoid"})
_SUITES = ("body", "orelse", "finalbody", "handlers", "cases")
_JUMPS = (ast.Return, ast.Raise, ast.Continue, ast.Break)

Trail = frozenset[tuple[object, tuple[str, ...]]]
"""What a value was computed by, each with the parts that were taken of it."""


class Contradictions:
    """Where the program takes for logits what may be given to another loss as well: `losses` that do, and activations."""

    def __init__(self, program: Program, values: Values, losses: Iterable[tuple[Site, Node]]) -> None:
        self._values = values
        self._by_function: dict[ast.AST, list[tuple[Site, Node]]] = {}
        activations = ((one.site, Node(one.inputs[0])) for one in program.operations if one.name in ACTIVATIONS and one.inputs)
        for site, given in (*activations, *losses):
            self._by_function.setdefault(site.function, []).append((site, given))

    def taken_for_logits(self, given: Node, site: Site) -> Site | None:
        """Where that is done to `given` whenever the statement of `site` runs."""
        others = self._by_function.get(site.function, ())
        trail = self._trail(given) if others else None
        if trail is None:
            return None
        return next((one for one, value in others if goes_along(one, site) and self._trail(value) == trail), None)

    def _trail(self, node: Node) -> Trail | None:
        found: set[tuple[object, tuple[str, ...]]] = set()
        waiting: list[tuple[Node, tuple[str, ...]]] = [(node, ())]
        while waiting:
            one, taken = waiting.pop()
            for head in self._values.heads(one, _STILL):
                operation = head.operation
                if not isinstance(head.of, (Operation, Thing)) or (operation is not None and not _computes(operation)):
                    return None
                if operation is not None and operation.name == "getitem" and operation.inputs:
                    waiting.append((Node(operation.inputs[0], head.environment), (*taken, _index(operation.site.node))))
                else:
                    found.add((head.key, taken))
        return frozenset(found) or None


def _computes(operation: Operation) -> bool:
    """It computes something of tensors, and is none that is written out."""
    return not operation.cuts and any(isinstance(one, (Tensor, Thing)) for one in operation.inputs)


def _index(node: ast.AST) -> str:
    return ast.unparse(node.slice) if isinstance(node, ast.Subscript) else ast.unparse(node)


def goes_along(one: Site, other: Site) -> bool:
    """The statement of `one` runs in every run of the function in which that of `other` does."""
    way = next(_ways(other.function, other.statement), None)
    if way is None:
        return False
    for depth, suite in enumerate(way):
        if one.statement in suite:
            after = suite.index(one.statement) > suite.index(next(part for part in suite if _holds(part, other.statement)))
            return not after or not any(isinstance(inner[-1], _JUMPS) for inner in way[depth + 1 :])
    return False


def _ways(node: ast.AST, statement: ast.stmt) -> Iterator[tuple[list[ast.stmt], ...]]:
    """The suites around a statement, outermost first."""
    for name in _SUITES:
        suite = getattr(node, name, None)
        if not isinstance(suite, list):
            continue
        if statement in suite:
            yield (suite,)
        for part in suite:
            if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from ((suite, *way) if isinstance(part, ast.stmt) else way for way in _ways(part, statement))


def _holds(part: ast.stmt, statement: ast.stmt) -> bool:
    return part is statement or next(_ways(part, statement), None) is not None
