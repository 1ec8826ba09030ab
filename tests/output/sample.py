"""Reports to print."""

from __future__ import annotations

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
from trainlint.source.text import Position, Span

TRAIN = """\
for x, y in loader:
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
"""


def span(line: int, column: int, last: int, end: int) -> Span:
    return Span(Position(line, column), Position(last, end))


def finding(
    where: Span,
    message: str = "`optimizer.step()` applies gradients that were already applied",
    path: str = "train.py",
    severity: Severity = Severity.WARNING,
    related: tuple[Related, ...] = (),
    fixes: tuple[Fix, ...] = (),
    code: str = "TRN101",
    name: str = "missing-zero-grad",
) -> Finding:
    return Finding(code, name, severity, Confidence.LIKELY, message, path, where, "a1b2", related=related, fixes=fixes)


INSERTION = Edit(span(2, 1, 2, 1), "    optimizer.zero_grad()\n")
CLEAR = Fix("Insert `optimizer.zero_grad()`", Applicability.UNSAFE, (INSERTION,))

FULL = Report(
    findings=(
        finding(
            span(4, 5, 4, 21),
            related=(Related("train.py", span(1, 1, 1, 20), "this loop never clears the gradients"),),
            fixes=(CLEAR, Fix("Move the call", Applicability.DISPLAY, None)),
        ),
        finding(span(3, 5, 3, 20), "`loss` has no graph", severity=Severity.ERROR, code="TRN201", name="detached"),
    ),
    files=(
        FileStatus("train.py", Status.ANALYSED),
        FileStatus("data.py", Status.SKIPPED, "no training code"),
        FileStatus("big.py", Status.UNREADABLE, "it has more than 20,000 lines"),
        FileStatus("part.py", Status.PARTIAL, "line 3: what `engine` does is out of sight"),
        FileStatus("old.py", Status.UNREADABLE, "line 1: invalid syntax"),
        FileStatus("odd.py", Status.FAILED, "Traceback:\n  somewhere\nKeyError: 'x'"),
    ),
)
