"""Findings of a run, held to their text while that is edited: each goes when the code it speaks of changes."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..finding import Finding
from ..source.document import Document
from ..source.parse import Unreadable, parse
from ..source.text import Position, SourceText, Span

_WHOLE_TEXT = Span(Position(1, 1), Position(1, 1))
"""Where the probe puts a finding that speaks of no line."""

_BLOCKS = (ast.For, ast.AsyncFor, ast.While, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class _Lines:
    """Lines `first` to `last`; with `below`, a line that is inserted after the last one belongs to them too."""

    first: int
    last: int
    below: bool = False

    def moved(self, delta: int) -> _Lines:
        return replace(self, first=self.first + delta, last=self.last + delta)


@dataclass(frozen=True)
class _Change:
    """Lines `first` to `last` (none, if `last` is before `first`) are others now; those below moved by `delta`."""

    first: int
    last: int
    delta: int

    @classmethod
    def between(cls, old: SourceText, new: SourceText) -> _Change | None:
        before, after = _lines(old), _lines(new)
        shorter = min(len(before), len(after))
        head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
        rest = shorter - head
        tail = next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)
        if head == len(before) == len(after):
            return None
        return cls(head + 1, len(before) - tail, len(after) - len(before))

    def touches(self, lines: _Lines) -> bool:
        if self.first <= self.last:
            return self.first <= lines.last and lines.first <= self.last
        return lines.first < self.first <= lines.last + lines.below

    def move(self, line: int) -> int:
        return line + self.delta if line > self.last else line

    def move_span(self, span: Span) -> Span:
        return Span(
            Position(self.move(span.start.line), span.start.column),
            Position(self.move(span.end.line), span.end.column),
        )


@dataclass(frozen=True)
class _Held:
    finding: Finding
    lines: tuple[_Lines, ...]

    def after(self, change: _Change) -> _Held | None:
        """The same in the changed text; None where the change touches what it speaks of."""
        if any(change.touches(lines) for lines in self.lines):
            return None
        path = self.finding.path
        moved = replace(
            self.finding,
            span=change.move_span(self.finding.span),
            related=tuple(
                replace(place, span=change.move_span(place.span)) if place.path == path else place
                for place in self.finding.related
            ),
        )
        return _Held(moved, tuple(lines.moved(change.move(lines.first) - lines.first) for lines in self.lines))


@dataclass(frozen=True)
class Seen:
    """What a run showed of one document, at its places in the text that `document` has."""

    document: Document
    _held: tuple[_Held, ...]

    @classmethod
    def of(cls, document: Document, findings: Iterable[Finding]) -> Seen:
        """Findings at their places in the text that was run."""
        blocks = _blocks(document.source)
        return cls(document, tuple(_Held(one, _spoken_of(one, document, blocks)) for one in findings))

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(held.finding for held in self._held)

    def in_text(self, document: Document) -> tuple[Finding | None, ...]:
        """The findings at their places in another text, None where its code is not what it was."""
        change = _Change.between(self.document.source, document.source)
        if change is None:
            return self.findings
        moved = (held.after(change) for held in self._held)
        return tuple(held.finding if held is not None else None for held in moved)

    def moved(self, document: Document) -> Seen:
        """What of it still holds in another text of the document."""
        change = _Change.between(self.document.source, document.source)
        if change is None:
            return Seen(document, self._held)
        kept = (held.after(change) for held in self._held)
        return Seen(document, tuple(held for held in kept if held is not None))


def _spoken_of(finding: Finding, document: Document, blocks: tuple[_Lines, ...]) -> tuple[_Lines, ...]:
    """The lines of the finding and of its related places, and the loop or function that it stands in.

    Clearing gradients is a new line between others: those that the finding points at stay as they were.
    """
    if finding.span == _WHOLE_TEXT:
        return (_Lines(0, document.source.line_count, below=True),)
    first, last = finding.span.start.line, finding.span.end.line
    around = [block for block in blocks if block.first <= first and last <= block.last]
    innermost = sorted(around, key=lambda block: block.last - block.first)[:1]
    places = (place.span for place in finding.related if place.path == finding.path)
    return (
        _Lines(first, last),
        *(_Lines(span.start.line, span.end.line) for span in places),
        *innermost,
    )


def _blocks(source: SourceText) -> tuple[_Lines, ...]:
    try:
        tree = parse(source)
    except Unreadable:
        return ()
    return tuple(
        _Lines(node.lineno, node.end_lineno or node.lineno, below=True) for node in ast.walk(tree) if isinstance(node, _BLOCKS)
    )


def _lines(source: SourceText) -> list[str]:
    return [source.line(number) for number in range(1, source.line_count + 1)]
