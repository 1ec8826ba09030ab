"""Workflow commands: one line each, with the escapes that GitHub asks for."""

from __future__ import annotations

from trainlint.finding import Report, Severity
from trainlint.output.github import render

from tests.output.sample import FULL, finding, span


def test_findings_and_unreadable_files_become_commands() -> None:
    assert render(FULL).splitlines() == [
        "::warning title=TRN101 missing-zero-grad,file=train.py,line=4,endLine=4,col=5,endColumn=21::"
        "train.py:4:5: TRN101 `optimizer.step()` applies gradients that were already applied",
        "::error title=TRN201 detached,file=train.py,line=3,endLine=3,col=5,endColumn=20::"
        "train.py:3:5: TRN201 `loss` has no graph",
        "::warning title=not checked,file=big.py::big.py: it has more than 20,000 lines",
        "::warning title=not checked,file=old.py::old.py: line 1: invalid syntax",
        "::warning title=not checked,file=odd.py::odd.py: Traceback:%0A  somewhere%0AKeyError: 'x'",
    ]


def test_what_has_a_meaning_in_a_command_is_escaped() -> None:
    report = Report((finding(span(1, 1, 1, 2), "100% sure:\r\n::error::", path="a:b,c%.py"),))
    assert render(report) == (
        "::warning title=TRN101 missing-zero-grad,file=a%3Ab%2Cc%25.py,line=1,endLine=1,col=1,endColumn=2::"
        "a:b,c%25.py:1:1: TRN101 100%25 sure:%0D%0A::error::\n"
    )


def test_columns_are_given_for_one_line_only() -> None:
    line = render(Report((finding(span(2, 5, 4, 2), "m", severity=Severity.INFO),)))
    assert line.startswith("::notice title=TRN101 missing-zero-grad,file=train.py,line=2,endLine=4::")
