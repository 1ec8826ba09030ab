"""The autograd graph, walked from a loss back to the leaves that would receive its gradient."""

from __future__ import annotations

from typing import Any

LARGEST = 200_000
"""Nodes after which a graph is left alone."""


def history(tensor: Any) -> Any:
    """The node that made a tensor; None also where torch refuses to say, of one of several views whose base was overwritten."""
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None


def walk(tensors: list[Any], largest: int = LARGEST) -> tuple[set[Any], list[Any]] | None:
    """The nodes of the graph behind `tensors`, and the leaves in it that require a gradient.

    None for a graph too large to walk.
    """
    pending = [node for node in map(history, tensors) if node is not None]
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
    return seen, list(found.values())


def leaves(tensors: list[Any], largest: int = LARGEST) -> list[Any]:
    """The leaves alone; none of a graph too large to walk."""
    walked = walk(tensors, largest)
    return walked[1] if walked is not None else []
