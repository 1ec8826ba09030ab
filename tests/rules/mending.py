"""Fixes applied to fixtures, and where the places of a text lie after an edit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from trainlint.finding import Edit, Finding, Fix
from trainlint.fixes.apply import Fixed, apply_edits, fix_text

from tests.rules.cases import report


@dataclass(frozen=True)
class Mended:
    """One text with one fix in it."""

    before: str
    finding: Finding
    fix: Fix
    after: str

    @property
    def edits(self) -> tuple[Edit, ...]:
        assert self.fix.edits is not None
        return self.fix.edits

    def moved(self, line: int) -> int | None:
        """Where `line` of the old text is in the new one; None where the fix rewrote it."""
        lines = lines_of(self.before)
        offset = sum(map(len, lines[: line - 1]))
        shift = 0
        for start, end, text in self.replacements():
            if end <= offset:
                shift += len(text) - (end - start)
            elif start < offset + len(lines[line - 1]) and end > start:
                return None
        return len(lines_of(self.after[: offset + shift])) + 1

    def replacements(self) -> Iterator[tuple[int, int, str]]:
        """The edits as offsets, counted here and not by the code under test."""
        starts = [0]
        for line in lines_of(self.before):
            starts.append(starts[-1] + len(line))
        for edit in sorted(self.edits, key=lambda edit: edit.span):
            start, end = edit.span.start, edit.span.end
            yield starts[start.line - 1] + start.column - 1, starts[end.line - 1] + end.column - 1, edit.text


def lines_of(text: str) -> list[str]:
    """The lines as Python's tokenizer counts them, with their ends: a form feed ends none."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


def every_fix(text: str) -> Iterator[Mended]:
    """`text` with each fix of each finding, alone."""
    for finding in report(text).findings:
        for fix in finding.fixes:
            if fix.edits is not None:
                yield Mended(text, finding, fix, apply_edits(text, fix.edits))


def all_fixes(text: str) -> Fixed:
    return fix_text(text, report, unsafe=True)
