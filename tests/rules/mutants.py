"""Correct fixtures broken by one statement: a call of the step protocol left out, or two neighbours exchanged."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

PROTOCOL = {"zero_grad", "backward", "step"}


@dataclass(frozen=True)
class Mutant:
    what: str
    text: str


def mutants(text: str) -> Iterator[Mutant]:
    """Every mutant keeps the lines of the rest. A backward that is left out leaves its loss."""
    lines = text.split("\n")
    for suite, index in _calls(ast.parse(text)):
        statement = suite[index]
        number = statement.lineno - 1
        source = ast.get_source_segment(text, statement)
        if source is None or lines[number].partition("#")[0].strip() != source:
            continue
        yield Mutant(f"without line {number + 1}", _with(lines, number, source, _rest(text, statement)))
        if index + 1 < len(suite) and suite[index + 1].lineno == suite[index + 1].end_lineno == number + 2:
            exchanged = [*lines[:number], lines[number + 1], lines[number], *lines[number + 2 :]]
            yield Mutant(f"lines {number + 1} and {number + 2} exchanged", "\n".join(exchanged))


def _calls(tree: ast.Module) -> Iterator[tuple[list[ast.stmt], int]]:
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            suite = getattr(node, field, None)
            for index, statement in enumerate(suite if isinstance(suite, list) else ()):
                if _method(statement) in PROTOCOL and statement.lineno == statement.end_lineno:
                    yield suite, index


def _method(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        return function.attr if isinstance(function, ast.Attribute) else None
    return None


def _rest(text: str, statement: ast.stmt) -> str:
    if _method(statement) != "backward":
        return "print()"
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    assert isinstance(statement.value.func, ast.Attribute)
    return ast.get_source_segment(text, statement.value.func.value) or "print()"


def _with(lines: list[str], number: int, old: str, new: str) -> str:
    return "\n".join([*lines[:number], lines[number].replace(old, new), *lines[number + 1 :]])
