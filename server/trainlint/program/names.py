"""Import statements as bindings: local name to qualified name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .things import External


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, External]]:
    """`(local name, what it stands for)` for each name that `node` binds.

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
    base = "." * node.level + (node.module or "")
    for alias in node.names:
        if alias.name != "*":
            yield alias.asname or alias.name, External(f"{base}.{alias.name}")


def star_imports(tree: ast.Module) -> list[str]:
    """Modules of which every public name is imported."""
    return [
        node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and not node.level and node.names[0].name == "*"
    ]
