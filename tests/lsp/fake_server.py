"""The real server around an analysis that does what the text says, so that timing and failure can be tested.

`bad()` is a mistake with an unsafe fix, `sloppy()` one with a safe fix; comments say the rest:
``# sleep 0.5``, ``# hang``, ``# print``, ``# crash`` and ``# needs other.py``. Broken text is unreadable.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from trainlint.cancel import CancelFlag
from trainlint.finding import (
    Applicability,
    Confidence,
    Edit,
    FileStatus,
    Finding,
    Fix,
    Related,
    Report,
    Severity,
    Status,
)
from trainlint.lsp.process import serve, take_streams
from trainlint.lsp.server import create
from trainlint.settings import Settings
from trainlint.source.document import Document
from trainlint.source.text import Position, Span
from trainlint.source.workspace import Workspace


@dataclass(frozen=True)
class Page:
    code: str
    name: str
    doc: str


RULES = (
    Page("TRN101", "bad-call", "Something bad is called.\n\n## Why it matters\nIt is bad."),
    Page("TRN402", "sloppy-call", "Something sloppy is called.\n\n## Why it matters\nIt is sloppy."),
)


def check(document: Document, workspace: Workspace, settings: Settings, cancel: CancelFlag) -> Report:
    text, source = document.text, document.source
    for seconds in re.findall(r"# sleep ([0-9.]+)", text):
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end:
            cancel.check()
            time.sleep(0.005)
    if "# hang" in text:
        time.sleep(3600)
    if "# print" in text:
        print("printed by the analysis", flush=True)
        os.write(1, b"written by the analysis\n")
    if "# crash" in text:
        raise RuntimeError("as the text says")
    try:
        ast.parse(text)
    except SyntaxError:
        start = Position(1, 1)
        broken = Finding(
            "TRN000",
            "unreadable-file",
            Severity.ERROR,
            Confidence.CERTAIN,
            "no syntax",
            document.path,
            Span(start, start),
        )
        return Report((broken,), (FileStatus(document.path, Status.UNREADABLE, "no syntax"),))
    found: list[Finding] = []
    for match in re.finditer(r"(bad|sloppy)\(\)", text):
        span = source.span(*match.span())
        line = Position(span.start.line, 1)
        if match[1] == "bad":
            code, name, severity = "TRN101", "bad-call", Severity.WARNING
            indent = re.match(r"\s*", source.line(span.start.line))
            fixes = (
                Fix(
                    "Insert `good()` before `bad()`",
                    Applicability.UNSAFE,
                    (Edit(Span(line, line), f"{indent[0] if indent else ''}good(){source.line_end}"),),
                ),
            )
            if "good()" in text:
                continue
        else:
            code, name, severity = "TRN402", "sloppy-call", Severity.INFO
            fixes = (Fix("Call `tidy()`", Applicability.SAFE, (Edit(span, "tidy()"),)),)
        if settings.selects(code, name):
            found.append(
                Finding(
                    code,
                    name,
                    settings.severity_of(code, name) or severity,
                    Confidence.CERTAIN,
                    f"`{match[0]}` is called",
                    document.path,
                    span,
                    fingerprint=f"{code}-{match.start()}",
                    related=(Related(document.path, Span(Position(1, 1), Position(1, 2)), "the file begins here"),),
                    fixes=fixes,
                )
            )
    for name in re.findall(r"# needs (\S+)", text):
        other = workspace.document(str(Path(document.path).with_name(name)))
        if other and "bad()" in other.text:
            here = Span(Position(1, 1), Position(1, 2))
            found.append(
                Finding(
                    "TRN101",
                    "bad-call",
                    Severity.WARNING,
                    Confidence.CERTAIN,
                    f"{name} is bad",
                    document.path,
                    here,
                )
            )
    return Report(tuple(found), (FileStatus(document.path, Status.ANALYSED),))


if __name__ == "__main__":
    sys.exit(serve(create(check, RULES), *take_streams()))
