"""Fixtures as two files: functions and classes moved to one that the rest imports them from. What is found stays."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from trainlint.engine import check
from trainlint.source.document import Document
from trainlint.source.workspace import Workspace

from tests.rules.cases import CASES, Case, settings

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)


def movable(tree: ast.Module) -> list[ast.stmt]:
    """Definitions of the top level that use nothing of it but imports and each other."""
    moved = [node for node in tree.body if isinstance(node, _DEFINITIONS)]
    names = [node.name for node in moved]
    moved = [node for node in moved if names.count(node.name) == 1]
    while True:
        kept = [node for node in tree.body if node not in moved and not isinstance(node, _IMPORTS)]
        bound = {name for node in kept for name in _bound(node)}
        free = [node for node in moved if not bound & _used(node)]
        if len(free) == len(moved):
            return list(moved)
        moved = free


def _bound(node: ast.stmt) -> set[str]:
    inner = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return inner | {part.name for part in ast.walk(node) if isinstance(part, _DEFINITIONS)}


def _used(node: ast.stmt) -> set[str]:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return names | {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}


def lines_of(node: ast.stmt) -> range:
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    return range(first, (node.end_lineno or first) + 1)


def split(text: str) -> tuple[str, str, set[int]] | None:
    """The two files, with every line at its number, and the lines that were moved; None where nothing can be,
    or a comment speaks of a whole file."""
    if "trainlint:" in text:
        return None
    tree = ast.parse(text)
    moved = movable(tree)
    lines = text.splitlines()
    away = {number for node in moved for number in lines_of(node)}
    others = {number for node in tree.body if node not in moved for number in lines_of(node)}
    if not moved or away & others:
        return None
    imports = {number for node in tree.body if isinstance(node, _IMPORTS) for number in lines_of(node)}
    names = ", ".join(node.name for node in moved if isinstance(node, _DEFINITIONS))
    main = ["" if number in away else line for number, line in enumerate(lines, start=1)]
    main[min(away) - 1] = f"from helpers import {names}"
    helpers = [line if number in away | imports else "" for number, line in enumerate(lines, start=1)]
    return "\n".join(main) + "\n", "\n".join(helpers) + "\n", away


# What a model of another file contains is out of sight where a tape is what trains it.
OF_ONE_FILE = frozenset({"TRN605/subclass_batch_norm.bad.py"})
SPLIT = [
    pytest.param(case, parts, id=case.name)
    for case in CASES
    if case.name not in OF_ONE_FILE and (parts := split(case.text)) is not None
]


@pytest.mark.parametrize(("case", "parts"), SPLIT)
def test_what_is_found_stays(case: Case, parts: tuple[str, str, set[int]], tmp_path: Path) -> None:
    main, helpers, away = parts
    (tmp_path / "main.py").write_text(main, encoding="utf-8")
    (tmp_path / "helpers.py").write_text(helpers, encoding="utf-8")
    here, there, through = set(), set(), []
    for name, text, found in (("main.py", main, here), ("helpers.py", helpers, there)):
        report = check(Document(str(tmp_path / name), text), Workspace(roots=[str(tmp_path)]), settings=settings(case.text))
        for finding in report.findings:
            if finding.message.startswith(("in helpers.py, ", "in main.py, ")):
                through.append((finding.related[0].span.start.line, finding.code))
            else:
                found.add((finding.span.start.line, finding.code))
    expected = {(finding.span.start.line, finding.code) for finding in case.report.findings}
    assert here == {place for place in expected if place[0] not in away}
    assert there | set(through) == {place for place in expected if place[0] in away}
    assert not there & set(through)


def test_most_fixtures_with_functions_are_split() -> None:
    assert len(SPLIT) > 50
