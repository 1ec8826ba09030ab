"""The one harness of all fixes: what must hold of every fix of a text, alone and together."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trainlint.finding import Applicability, Edit, Finding, Fix, Report
from trainlint.fixes.apply import Fixed, apply_edits, fix_text
from trainlint.fixes.resolve import resolved

from tests.rules.cases import report

Check = Callable[[str], Report]


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


def every_fix(text: str, check: Check = report) -> Iterator[Mended]:
    """`text` with each fix of each finding, alone."""
    for finding in check(text).findings:
        for fix in finding.fixes:
            made = resolved(fix, text)
            assert made.edits, f"nothing comes of {fix.title}"
            yield Mended(text, finding, made, apply_edits(text, made.edits))


def all_fixes(text: str, check: Check = report) -> Fixed:
    return fix_text(text, check, unsafe=True)


def held(text: str, check: Check = report) -> Fixed:
    """`text` with all fixes, when all that is promised of each of them and of all together has been seen to hold."""
    for mended in every_fix(text, check):
        mends(mended, check)
        keeps_the_rest(mended)
        says_what_it_changes(mended.fix)
    fixed = converges(text, check)
    assert [finding.code for finding in fixed.report.findings if finding.fixes] == [], fixed.text
    assert fixed.refused == ()
    return fixed


def held_in_a_tangle(text: str, check: Check = report) -> Fixed:
    """As `held`, for a text with several mistakes in one place: others may come to light when one is gone, and what
    mends the one may be in vain before the other is mended. Then it is taken back, and the user is told.
    """
    for mended in every_fix(text, check):
        ast.parse(mended.after)
        keeps_the_rest(mended)
        says_what_it_changes(mended.fix)
    fixed = converges(text, check)
    assert {refused.finding for refused in fixed.refused} == {one for one in fixed.report.findings if one.fixes}
    return fixed


def mends(mended: Mended, check: Check = report) -> None:
    """The result parses, the finding is gone, and nothing new appears."""
    ast.parse(mended.after)
    left = Counter((finding.code, finding.span.start.line) for finding in check(mended.after).findings)
    others = [finding for finding in check(mended.before).findings if finding != mended.finding]
    allowed = Counter((finding.code, mended.moved(finding.span.start.line)) for finding in others)
    assert not left - allowed, f"{mended.fix.title} leaves {left - allowed}:\n{mended.after}"


def keeps_the_rest(mended: Mended) -> None:
    """Every character outside the edits is the same, and no comment is lost."""
    rest, reached = mended.after, 0
    for start, end, new in mended.replacements():
        kept = mended.before[reached:start]
        assert rest.startswith(kept + new)
        rest, reached = rest[len(kept) + len(new) :], end
    assert rest == mended.before[reached:]
    lost = comments(mended.before) - comments(mended.after)
    assert not lost, f"{mended.fix.title} loses {lost}:\n{mended.after}"


def says_what_it_changes(fix: Fix) -> None:
    assert fix.title[0].isupper()
    assert not fix.title.endswith(".")
    assert fix.title.endswith("(changes training)") == (fix.applicability is Applicability.UNSAFE)


def converges(text: str, check: Check = report) -> Fixed:
    """To apply all fixes again changes nothing."""
    fixed = all_fixes(text, check)
    again = all_fixes(fixed.text, check)
    assert (again.text, again.applied) == (fixed.text, ())
    assert ends_of(fixed.text) <= ends_of(text), "line ends are kept"
    return fixed


def ends_of(text: str) -> set[str]:
    return set(re.findall(r"\r\n|\r|\n", text))


def comments(text: str) -> Counter[str]:
    found = tokenize.generate_tokens(io.StringIO(text, newline=None).readline)
    return Counter(token.string for token in found if token.type == tokenize.COMMENT)
