"""From a line that the agent saw to the span of the call that stands there."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..source.encoding import UndecodableError, decode
from ..source.text import Position, SourceText, Span
from .observation import Place

_NOWHERE = Span(Position(1, 1), Position(1, 1))


class Sources(Mapping[str, SourceText]):
    """Texts by the path that findings show. `script` is shown as the user wrote it, `text` is
    what was run.
    """

    def __init__(self, script: str, text: str | None = None) -> None:
        self._script = os.path.abspath(script)
        self._shown = script
        self._texts: dict[str, SourceText | None] = {}
        self._trees: dict[str, ast.Module | None] = {}
        if text is not None:
            self._texts[script] = SourceText(text)

    def shown(self, path: str) -> str:
        """How a finding names a file: the script as it was given, others relative to here where that is
        shorter.
        """
        if path == self._script:
            return self._shown
        relative = os.path.relpath(path)
        return path if relative.startswith("..") else relative

    def __getitem__(self, path: str) -> SourceText:
        if path not in self._texts:
            self._texts[path] = _read(path)
        text = self._texts[path]
        if text is None:
            raise KeyError(path)
        return text

    def __iter__(self) -> Iterable[str]:  # type: ignore[override]
        return iter([path for path, text in self._texts.items() if text is not None])

    def __len__(self) -> int:
        return sum(text is not None for text in self._texts.values())

    def locate(self, place: Place | None, calls: tuple[str, ...] = ()) -> tuple[str, Span]:
        """The path to show and the span of the call on that line whose name is among `calls`, or
        of the line.
        """
        if place is None:
            return self._shown, _NOWHERE
        path = self.shown(place.path)
        text = self.get(path)
        if text is None:
            start = Position(place.line, 1)
            return path, Span(start, start)
        line = min(max(place.line, 1), text.line_count)
        found = self._call(path, text, line, calls)
        return path, found or _line(text, line)

    def assignment(self, attribute: str) -> Place | None:
        """Where the script first sets an attribute of this name."""
        text = self.get(self._shown)
        tree = self._tree(self._shown, text) if text is not None else None
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, (ast.Assign, ast.Call)) and _sets(node, attribute):
                return Place(self._script, node.lineno)
        return None

    def fingerprint(self, code: str, path: str, span: Span) -> str:
        """The same for the same finding in the same lines, wherever they stand in the file."""
        text = self.get(path)
        if text is None:
            return ""
        context = [text.line(number).strip() for number in range(max(span.start.line - 2, 1), span.start.line + 1)]
        return hashlib.sha256("\0".join((code, text.slice(span), *context)).encode()).hexdigest()[:16]

    def _tree(self, path: str, text: SourceText) -> ast.Module | None:
        if path not in self._trees:
            try:
                self._trees[path] = ast.parse(text.text)
            except (SyntaxError, ValueError, RecursionError):
                self._trees[path] = None
        return self._trees[path]

    def _call(self, path: str, text: SourceText, line: int, calls: tuple[str, ...]) -> Span | None:
        tree = self._tree(path, text)
        if tree is None or not calls:
            return None
        best: ast.Call | None = None
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.lineno <= line <= (node.end_lineno or node.lineno):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in calls and (best is None or node.lineno >= best.lineno):
                best = node
        if best is None:
            return None
        return Span(
            text.from_utf8(best.lineno, best.col_offset),
            text.from_utf8(best.end_lineno or best.lineno, best.end_col_offset or 0),
        )


def _sets(node: ast.Assign | ast.Call, attribute: str) -> bool:
    """Whether an assignment, or a call of `setattr`, sets an attribute of this name."""
    if isinstance(node, ast.Assign):
        return any(isinstance(each, ast.Attribute) and each.attr == attribute for each in node.targets)
    named = isinstance(node.func, ast.Name) and node.func.id == "setattr" and len(node.args) == 3
    return named and isinstance(node.args[1], ast.Constant) and node.args[1].value == attribute


def _line(text: SourceText, line: int) -> Span:
    content = text.line(line)
    start = len(content) - len(content.lstrip())
    return Span(Position(line, start + 1), Position(line, len(content.rstrip()) + 1))


def _read(path: str) -> SourceText | None:
    try:
        text, _ = decode(Path(path).read_bytes())
    except (OSError, UndecodableError):
        return None
    return SourceText(text)
