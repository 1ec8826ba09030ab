"""Syntax trees, gone through faster than the standard library does: the fields that hold nodes are known by kind."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_LEAF_FIELDS = frozenset(
    {"ctx", "op", "ops", "id", "attr", "arg", "name", "names", "asname", "module", "level", "kind", "conversion", "simple",
     "is_async", "rest", "type_comment", "type_ignores", "type_params", "kwd_attrs"}
)  # fmt: skip


def _subclasses(kind: type[ast.AST]) -> list[type[ast.AST]]:
    return [kind, *(below for one in kind.__subclasses__() for below in _subclasses(one))]


# The fields of each kind of node that hold statements, expressions and what these are made of: neither operators nor contexts.
FIELDS: dict[type, tuple[str, ...]] = {
    kind: tuple(name for name in kind._fields if name not in _LEAF_FIELDS) for kind in _subclasses(ast.AST)
}


def children(node: ast.AST) -> list[ast.AST]:
    """The statements, expressions and parts of such that `node` is made of, in the order of the text."""
    found: list[ast.AST] = []
    for name in FIELDS[node.__class__]:
        child = getattr(node, name, None)
        if child.__class__ is list:
            found += [one for one in child if isinstance(one, ast.AST)]
        elif isinstance(child, ast.AST):
            found.append(child)
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and everything below it, level by level."""
    waiting = [node]
    for one in waiting:
        yield one
        waiting += children(one)
