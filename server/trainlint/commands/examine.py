"""One file: read, checked, and fixed where that is asked for."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from ..discovery import Source, Target, read, roots_of
from ..finding import FileStatus, Finding, Report, Status
from ..fixes.apply import Fixed, Refusal, Refused, fix_text
from ..fixes.rewrite import NotWrittenError, encode, rewrite, unified_diff
from ..settings import Settings
from ..source.document import Document
from ..source.text import SourceText
from ..source.workspace import Files, Workspace

_FILES = Files()
"""What the files of one run import is read and parsed once."""


@dataclass(frozen=True)
class Fixing:
    """What to do with fixes: which to apply, and whether to write or only to show them."""

    unsafe: bool
    write: bool


@dataclass
class Outcome:
    """What came of one file. `report` holds what is wrong with the file as it now is.

    `diff` is what would be written; `output` is the fixed text of standard input, which has no file.
    `others` are the texts of other files that related places lie in. `named` files are those the user asked for by name.
    """

    report: Report
    source: SourceText | None = None
    others: dict[str, SourceText] = field(default_factory=dict)
    named: bool = False
    applied: tuple[Finding, ...] = ()
    refused: tuple[Refused, ...] = ()
    diff: bytes = b""
    output: bytes | None = None
    notes: list[str] = field(default_factory=list)
    failed: bool = False


def examine(target: Target, fixing: Fixing | None) -> Outcome:
    """Read and check the file of `target`, and fix it in place where `fixing` says so.

    Whatever goes wrong is a status of this file; the others are none the worse for it.
    """
    try:
        outcome = examine_source(read(target.path), target.settings, fixing, top=target.top)
    except Exception:
        failure = FileStatus(target.path, Status.FAILED, traceback.format_exc())
        outcome = Outcome(Report(files=(failure,)))
    outcome.named = target.named
    return outcome


def examine_stdin(source: Source | FileStatus, data: bytes, settings: Settings, fixing: Fixing | None) -> Outcome:
    """Check what came from standard input; with fixes to write, `output` is what to print in its place."""
    outcome = examine_source(source, settings, fixing, on_disk=False)
    outcome.named = True
    if fixing and fixing.write and outcome.output is None:
        outcome.output = data
    return outcome


def examine_source(
    source: Source | FileStatus, settings: Settings, fixing: Fixing | None, on_disk: bool = True, top: str = ""
) -> Outcome:
    if isinstance(source, FileStatus):
        return Outcome(Report(files=(source,)))
    path, original = source.document.path, source.document.text
    check = _checker(path, settings, roots_of(path, top))
    if fixing is None:
        return _shown(check(original), source.document.source)
    fixed = propose(source, settings, fixing.unsafe, top)
    try:
        same = fixed.text == original
        new = source.data if same else encode(fixed.text, source.encoding, source.data, original)
        if not fixing.write:
            outcome = Outcome(check(original), diff=unified_diff(path, source.data, new))
        else:
            if on_disk and not same:
                rewrite(path, source.data, new)
            outcome = _shown(fixed.report, SourceText(fixed.text))
            outcome.output = None if on_disk else new
    except NotWrittenError as error:
        outcome = _shown(check(original), source.document.source)
        outcome.notes, outcome.failed = [f"{path}: not fixed: {error}"], True
        return outcome
    outcome.applied, outcome.refused = fixed.applied, fixed.refused
    return outcome


def propose(source: Source, settings: Settings, unsafe: bool, top: str = "") -> Fixed:
    """The text of `source` with its fixes; nothing is written."""
    path = source.document.path
    return fix_text(source.document.text, _checker(path, settings, roots_of(path, top)), unsafe)


def _shown(report: Report, source: SourceText) -> Outcome:
    """An outcome with the texts that its findings need to be shown."""
    others: dict[str, SourceText] = {}
    for related in (related for finding in report.findings for related in finding.related if related.path != finding.path):
        other = _FILES.document(os.path.abspath(related.path))
        if other is not None:
            others[related.path] = other.source
    return Outcome(report, source if report.findings else None, others)


def _checker(path: str, settings: Settings, roots: tuple[str, ...]) -> Callable[[str], Report]:
    """The engine for the texts of one file; a text that comes up again is not analysed again."""
    from ..engine import check

    def report(text: str) -> Report:
        document = Document(path, text)
        return check(document, Workspace({os.path.abspath(path): document}, roots, _FILES), settings)

    return cache(report)


def refusals(refused_fixes: Iterable[Refused]) -> Iterator[str]:
    """A sentence for each fix that was to be applied and was not."""
    for refused in refused_fixes:
        if refused.reason is not Refusal.UNSAFE:
            finding = refused.finding
            place = f"{finding.path}:{finding.span.start.line}:{finding.span.start.column}"
            yield f"{place}: {finding.code} is not fixed: {refused.reason.value}"
