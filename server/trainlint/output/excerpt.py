"""Source lines as a terminal shows them, with a span marked underneath."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..source.text import SourceText, Span
from .colour import Palette

_TAB = 4
_LONGEST = 160
_KEPT_BEFORE = 40
_MOST_LINES = 6
_HEAD = 4

_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What could move the cursor, reorder the line or fail to print; the tab is not among them."""


@dataclass(frozen=True)
class Mark:
    """How a span is marked: with a character under every cell, in a style, and a label after the last one."""

    character: str
    style: str
    label: str = ""


def excerpt(source: SourceText, span: Span, mark: Mark, width: int, palette: Palette) -> list[str]:
    """The lines of `span` behind a gutter for line numbers of `width` digits, marked underneath.

    Tabs are shown as spaces and every mark stands under its character, however wide that is.
    """
    first = min(max(span.start.line, 1), source.line_count)
    last = min(max(span.end.line, first), source.line_count)
    if last > first and span.end.line == last and span.end.column == 1:
        last -= 1
    bar = palette.paint(" " * width + " |", "gutter")
    shown = list(range(first, last + 1))
    if len(shown) > _MOST_LINES:
        shown = [*shown[:_HEAD], last]
    lines = [bar]
    for number in shown:
        if number == last and last - first >= _MOST_LINES:
            lines.append(palette.paint("." * width + " |", "gutter"))
        text = source.line(number)
        start = span.start.column - 1 if number == span.start.line else _indent(text)
        end = span.end.column - 1 if number == span.end.line else len(text.rstrip())
        line, before, marked = _window(text, min(start, len(text)), min(end, len(text)))
        lines.append(palette.paint(f"{number:>{width}} |", "gutter") + f" {line}".rstrip())
        tail = f" {mark.label}" if number == last and mark.label else ""
        under = palette.paint(mark.character * max(marked, 1) + tail, mark.style)
        lines.append(f"{bar} {' ' * before}{under}")
    return lines


def printable(text: str) -> str:
    """`text` with what would harm a terminal made visible."""
    return _UNPRINTABLE.sub(lambda found: _picture(found.group()), text)


def _window(text: str, start: int, end: int) -> tuple[str, int, int]:
    """The part of the line to show, and in terminal cells where its mark begins and how long it is."""
    if len(text) > _LONGEST:
        left = max(0, min(start - _KEPT_BEFORE, len(text) - _LONGEST))
        cut = text[left : left + _LONGEST]
        prefix, suffix = "…" * (left > 0), "…" * (left + _LONGEST < len(text))
        text = prefix + cut + suffix
        shift = len(prefix) - left
        start, end = start + shift, min(end + shift, len(prefix) + len(cut))
    head = _expanded(text[:start], 0)
    before = _cells(head)
    middle = _expanded(text[start:end], before)
    marked = _cells(middle)
    return head + middle + _expanded(text[end:], before + marked), before, marked


def _expanded(text: str, column: int) -> str:
    """`text`, that begins at cell `column`, with tabs as spaces up to the next stop."""
    text = printable(text)
    if "\t" not in text:
        return text
    parts: list[str] = []
    for part in re.split(r"(\t)", text):
        new = " " * (_TAB - column % _TAB) if part == "\t" else part
        column += _cells(new)
        parts.append(new)
    return "".join(parts)


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "�"


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())
