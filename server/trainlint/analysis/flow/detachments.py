"""Tensors that are detached to no effect."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...program.naming import MODEL, suggests
from ...program.things import Operation, Role, Tensor, Thing
from .gradients import Gradients
from .graph import Node


@dataclass(frozen=True, slots=True)
class DiscardedDetach:
    """The result of `operation` is dropped. `holder` is what was to be detached, as it is written.

    `assumed`: that it is a tensor is told by the name of the model that computed it.
    """

    operation: Operation
    holder: ast.expr
    assumed: bool


def discarded_detaches(operations: Iterable[Operation], gradients: Gradients) -> Iterator[DiscardedDetach]:
    told: set[ast.AST] = set()
    for operation in operations:
        node, statement = operation.site.node, operation.site.statement
        if node in told or not isinstance(statement, ast.Expr) or statement.value is not node:
            continue
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        value = operation.inputs[0]
        origin = value.origin if isinstance(value, Tensor) else value.made_by if isinstance(value, Thing) else None
        if not isinstance(origin, Operation):
            continue
        reach = gradients.reach(Node(value))
        known = any(module.role is Role.MODULE for module in reach.modules)
        if known or any(suggests(module.name, MODEL) for module in reach.modules):
            told.add(node)
            yield DiscardedDetach(operation, node.func.value, not known)
