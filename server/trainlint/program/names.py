"""Names as they are written, and import statements as bindings: local name to what it stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .things import External


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, External]]:
    """`(local name, qualified name)` for each name that `node` binds, star imports left out.

    Relative imports keep their dots, so that nothing of the user's own package is taken for a library.
    """
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname:
                yield alias.asname, External(alias.name)
            else:
                root = alias.name.partition(".")[0]
                yield root, External(root)
        return
    for alias in node.names:
        if alias.name != "*":
            yield alias.asname or alias.name, External(f"{origin(node)}.{alias.name}")


def origin(node: ast.ImportFrom) -> str:
    """The module that names are imported from, as it is written."""
    return "." * node.level + (node.module or "")


def text_of(node: ast.AST) -> str:
    """The text of an expression as `ast.unparse` has it, which takes its time over dotted names."""
    parts: list[str] = []
    inner = node
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name):
        return ast.unparse(node)
    parts.append(inner.id)
    return ".".join(reversed(parts))
