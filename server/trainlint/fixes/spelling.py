"""How a file names what a library offers, and what it would have to import to name it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Imports = tuple[tuple[str, str], ...]


def spelling(qualified: str, tree: ast.Module) -> tuple[str, Imports] | None:
    """The shortest name of `qualified` by the file's own imports, else its last part and the import that it needs.

    Where the file imports single names of that module, it is one more of them rather than a name with several dots.

    None where the file gives that name another meaning.
    """
    known = dict(_imported(tree))
    taken = _given(tree)
    names = [
        f"{name}{qualified[len(meaning) :]}"
        for name, meaning in known.items()
        if name not in taken and (qualified == meaning or qualified.startswith(f"{meaning}."))
    ]
    module, _, name = qualified.rpartition(".")
    lists = any(isinstance(one, ast.ImportFrom) and one.module == module and not one.level for one in tree.body)
    free = bool(module) and name not in known and name not in taken
    best = min(names, key=lambda one: (one.count("."), len(one)), default=None)
    if best is not None and (best.count(".") < 2 or not (lists and free)):
        return best, ()
    if not free:
        return None
    return name, ((module, name),)


def imported_from(name: str, tree: ast.Module) -> str | None:
    """The qualified name of what `name` is imported as; None where it is anything else."""
    return None if name in _given(tree) else dict(_imported(tree)).get(name)


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The names that imports at the top of a file give, and what they mean."""
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                name = alias.asname or alias.name.partition(".")[0]
                yield name, alias.name if alias.asname else name
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            for alias in statement.names:
                yield alias.asname or alias.name, f"{statement.module}.{alias.name}"


def _given(tree: ast.Module) -> set[str]:
    """Names that anything but an import at the top gives a meaning, somewhere in the file."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)) and node not in tree.body:
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return found
