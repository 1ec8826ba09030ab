"""How far two programs differ, counted in statements."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_SUITES = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True)
class Line:
    """A statement without the statements in it, and how deep it lies."""

    depth: int
    header: str


def lines(tree: ast.Module) -> list[Line]:
    """The statements of a program in order; a suite other than a body (`else`, `finally`) starts with a line
    of its own.
    """
    return list(_lines(tree, 0))


def difference(one: ast.Module, other: ast.Module) -> str | None:
    """How one statement turns one program into the other: "added", "removed", "changed" or "moved"."""
    left, right = lines(one), lines(other)
    if len(left) + 1 == len(right):
        return "added" if _gap(right, left) is not None else None
    if len(left) == len(right) + 1:
        return "removed" if _gap(left, right) is not None else None
    if len(left) != len(right) or left == right:
        return None
    changed = [(a, b) for a, b in zip(left, right, strict=True) if a != b]
    if len(changed) == 1 and changed[0][0].depth == changed[0][1].depth:
        return "changed"
    for taken, line in enumerate(left):
        rest = left[:taken] + left[taken + 1 :]
        gap = _gap(right, rest)
        if gap is not None and any(
            right[place].header == line.header and right[:place] + right[place + 1 :] == rest for place in range(len(right))
        ):
            return "moved"
    return None


def _gap(longer: list[Line], shorter: list[Line]) -> int | None:
    """Where `longer` has the one line that `shorter` lacks."""
    for place in range(len(longer)):
        if place == len(shorter) or longer[place] != shorter[place]:
            return place if longer[place + 1 :] == shorter[place:] else None
    return None


def _lines(owner: ast.AST, depth: int) -> Iterator[Line]:
    for field in _SUITES:
        suite = getattr(owner, field, None)
        if not isinstance(suite, list) or not suite:
            continue
        if field in ("orelse", "finalbody"):
            yield Line(depth, field)
        for statement in suite:
            yield Line(depth, _header(statement))
            yield from _lines(statement, depth + 1)


def _header(statement: ast.AST) -> str:
    parts = [type(statement).__name__]
    for field, value in ast.iter_fields(statement):
        if field not in _SUITES:
            values = value if isinstance(value, list) else [value]
            parts.append(f"{field}={[ast.dump(item) if isinstance(item, ast.AST) else repr(item) for item in values]}")
    return " ".join(parts)
