"""Text with positions: lines and columns as people and compilers count them.

Positions are 1-based and count code points, the unit of the command line and of the JSON output.
`ast` counts UTF-8 bytes and LSP clients mostly count UTF-16 units; both convert here and in `lsp/convert.py`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """A place between two characters: 1-based line and 1-based column in code points."""

    line: int
    column: int


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """The half-open range of text from `start` to `end`."""

    start: Position
    end: Position

    def contains(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end


class SourceText:
    """One immutable text and the arithmetic on its positions.

    Lines end at ``\\n``, ``\\r\\n`` or ``\\r``, as in Python's tokenizer and in LSP; a form feed ends none.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset of the first character of every line."""
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    @property
    def line_count(self) -> int:
        return len(self.line_starts)

    @cached_property
    def line_end(self) -> str:
        """The line end of the file: the first one used, ``\\n`` where there is none."""
        match = _LINE_END.search(self.text)
        return match.group() if match else "\n"

    def line(self, number: int) -> str:
        """Line `number` (1-based) without its line end."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < self.line_count else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def offset(self, position: Position) -> int:
        """Code-point offset of `position`; past the end of a line it is the end of that line."""
        line = min(max(position.line, 1), self.line_count)
        start = self.line_starts[line - 1]
        end = self.line_starts[line] if line < self.line_count else len(self.text)
        return min(start + max(position.column, 1) - 1, end)

    def position(self, offset: int) -> Position:
        line = bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1)

    def from_utf8(self, line: int, byte_column: int) -> Position:
        """The position `ast` calls `(line, byte_column)`: 1-based line, 0-based UTF-8 byte column."""
        text = self.line(line)
        if text.isascii():
            return Position(line, byte_column + 1)
        return Position(line, len(text.encode()[:byte_column].decode(errors="ignore")) + 1)

    def span(self, start: int, end: int) -> Span:
        """The span between two offsets."""
        return Span(self.position(start), self.position(end))

    def slice(self, span: Span) -> str:
        return self.text[self.offset(span.start) : self.offset(span.end)]
