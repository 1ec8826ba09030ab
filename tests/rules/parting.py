"""A text as two files: functions and classes moved to one that the rest imports them from."""

from __future__ import annotations

import ast

from trainlint.analysis.facts import Facts
from trainlint.cancel import CancelFlag
from trainlint.engine import _Findings, _selected, check
from trainlint.finding import Confidence, Finding
from trainlint.program.program import build
from trainlint.settings import Settings
from trainlint.source.document import Document
from trainlint.source.parse import parse
from trainlint.source.workspace import Workspace

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


def findings_of_main(main: str, helpers: str) -> list[tuple[int, str]]:
    """(line, code) of what is found where the first file is checked; what lies in the other one at its line there, also where
    several such things of one rule are told at one call."""
    files = {path: Document(path, text) for path, text in (("/main.py", main), ("/helpers.py", helpers))}
    workspace, cancel, settings = Workspace(files), CancelFlag(), Settings()
    document = files["/main.py"]
    facts = Facts(document, build(parse(document.source), cancel, workspace, document.path), cancel)
    if facts.program.index.foreign:
        return []
    told = _Findings(facts, workspace, settings, cancel)
    found = []
    for rule in _selected(settings):
        for observation in rule.check(facts):
            heuristic = observation.confidence is Confidence.HEURISTIC
            finding = told._finding(rule, observation)
            if finding is not None and (not heuristic or settings.selects(rule.code, rule.name, heuristic=True)):
                found.append((_line(finding), rule.code))
    return found


def findings_of_helpers(main: str, helpers: str) -> list[tuple[int, str]]:
    files = {path: Document(path, text) for path, text in (("/main.py", main), ("/helpers.py", helpers))}
    return [(finding.span.start.line, finding.code) for finding in check(files["/helpers.py"], Workspace(files)).findings]


def _line(finding: Finding) -> int:
    through = finding.message.startswith("in helpers.py, ")
    return finding.related[0].span.start.line if through else finding.span.start.line
