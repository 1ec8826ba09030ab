"""What a name is used for in a piece of the program."""

from __future__ import annotations

import ast

from ...source.nodes import walk

_TRAINING = frozenset({"parameters", "train", "eval", "to", "zero_grad", "cuda", "cpu"})


def only_trained(scope: ast.AST, name: str) -> bool:
    """`name` gets its value once in `scope`, which does nothing with it but to train it and to compute with it."""
    allowed: set[int] = set()
    uses: list[ast.Name] = []
    for node in walk(scope):
        if isinstance(node, ast.Name) and node.id == name:
            uses.append(node)
        elif isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Attribute) and called.attr in _TRAINING:
                called = called.value
            allowed.add(id(called))
    stores = [use for use in uses if not isinstance(use.ctx, ast.Load)]
    return len(stores) == 1 and all(id(use) in allowed for use in uses if isinstance(use.ctx, ast.Load))
