"""What trainlint says about a program: findings, their places, their fixes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .source.text import Span


class Severity(str, Enum):
    """ERROR: certain to fail to train. WARNING: likely. INFO: waste, or a value out of its range. OFF: only when selected."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    OFF = "off"


class Confidence(str, Enum):
    """How the analysis knows. LIKELY is shown as a warning at most, HEURISTIC only when selected."""

    CERTAIN = "certain"
    LIKELY = "likely"
    HEURISTIC = "heuristic"


class Origin(str, Enum):
    """Who saw it: the analysis of the text, or a real run."""

    STATIC = "static"
    PROBE = "probe"


class State(str, Enum):
    OPEN = "open"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class Applicability(str, Enum):
    """SAFE keeps the meaning, UNSAFE changes how the program trains (usually the point), DISPLAY is for reading only."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    DISPLAY = "display"


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of `span` with `text`."""

    span: Span
    text: str


class Change(str, Enum):
    """What a restructuring does with an expression.

    WRAP: it becomes the argument of a call of `text`. REPLACE: `text` takes its place. REDUCE: the expression at `inner`
    takes its place, and an assignment of a name to itself goes. DROP: it leaves the list, call or dictionary that it is
    in, or goes with the statement that only adds it to one.
    """

    WRAP = "wrap"
    REPLACE = "replace"
    REDUCE = "reduce"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Restructuring:
    """A change of the expression at `span`. `imports` are (module, name) that the result needs and the file lacks."""

    change: Change
    span: Span
    text: str = ""
    inner: Span | None = None
    imports: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits of the finding's own document. One that restructures has none until it is resolved."""

    title: str
    applicability: Applicability
    edits: tuple[Edit, ...] | None
    restructuring: Restructuring | None = None


@dataclass(frozen=True, slots=True)
class Related:
    path: str
    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake at one place. `fingerprint` survives edits elsewhere in the file."""

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    message: str
    path: str
    span: Span
    fingerprint: str = ""
    source: Origin = Origin.STATIC
    state: State = State.OPEN
    cell: int | None = None
    related: tuple[Related, ...] = ()
    fixes: tuple[Fix, ...] = ()


class Status(str, Enum):
    """How far a file was understood."""

    ANALYSED = "analysed"
    SKIPPED = "skipped"
    PARTIAL = "partial"
    UNREADABLE = "unreadable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileStatus:
    """SKIPPED: no training vocabulary. PARTIAL: sight was lost. UNREADABLE: no text or no syntax. FAILED: our defect."""

    path: str
    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Findings in the order of the text, and one status for every file that was looked at."""

    findings: tuple[Finding, ...] = ()
    files: tuple[FileStatus, ...] = field(default=())
