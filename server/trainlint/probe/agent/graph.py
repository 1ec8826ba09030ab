"""The autograd graph, walked from a loss back to the leaves that would receive its gradient."""

from __future__ import annotations

from typing import Any

LARGEST = 200_000
"""Nodes after which a graph is left alone."""


def leaves(tensors: list[Any], largest: int = LARGEST) -> list[Any] | None:
    """The leaves that require a gradient and that the graph of `tensors` holds; None for a graph too large to
    walk.
    """
    pending = [tensor.grad_fn for tensor in tensors if tensor.grad_fn is not None]
    seen = set(pending)
    found: dict[int, Any] = {}
    while pending:
        node = pending.pop()
        variable = getattr(node, "variable", None)
        if variable is not None:
            found[id(variable)] = variable
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                pending.append(following)
        if len(seen) > largest:
            return None
    return list(found.values())
