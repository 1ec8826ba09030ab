"""The fixtures: what each file is, what it says trainlint must find in it, and how it is run.

A comment `# expect: CODE @column-column "part of the message"` at the end of a line announces one finding
that starts on that line; the columns and the message are optional, several announcements are separated by
semicolons. Comments
`# claim: expression` say what holds when a faulty script has run and does not hold in its twin,
`# select: CODE` chooses a rule that is off by default,
`# execute: statement` hold what stands in for a caller the analysis must not see, `# not executed: reason`
says why a file cannot be run here, `# raises: Error` that the mistake ends in this error, `# network: name`
which module the script trains where that cannot be told from its optimizers.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from trainlint.engine import check
from trainlint.finding import Finding, Report, Severity
from trainlint.rules import RULES
from trainlint.settings import Settings
from trainlint.source.document import Document
from trainlint.source.text import Position, Span

ROOT = Path(__file__).resolve().parents[2] / "fixtures"
HOUSEKEEPING = {"TRN000", "TRN090", "TRN091"}
"""Codes about files, comments and settings, which no training loop can have."""
CODES = tuple(rule.code for rule in RULES if rule.code not in HOUSEKEEPING)
OFF = frozenset(rule.code for rule in RULES if rule.severity is Severity.OFF)
"""Rules that speak only where they are chosen, as `# select: CODE` chooses them for a fixture."""
IDIOMS = "idioms"

_EXPECT = re.compile(r"#\s*expect:(.*)$")
_ONE = re.compile(r'\s*(?P<code>TRN\d+)(?:\s+@(?P<start>\d+)-(?P<end>\d+))?(?:\s+"(?P<message>[^"]*)")?\s*')
_SELECT = re.compile(r"# select: (TRN\d+)\b")
_EXECUTE = re.compile(r"^# execute: ", re.MULTILINE)
_NOT_EXECUTED = re.compile(r"^# not executed: (.+)$", re.MULTILINE)
_CLAIM = re.compile(r"^# claim: (.+)$", re.MULTILINE)
_RAISES = re.compile(r"^# raises: (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Expectation:
    """A finding that starts on `line`. `columns` are 1-based, half open, and on that line."""

    line: int
    code: str
    columns: tuple[int, int] | None
    message: str

    def met_by(self, finding: Finding) -> bool:
        if (finding.code, finding.span.start.line) != (
            self.code,
            self.line,
        ) or self.message not in finding.message:
            return False
        if self.columns is None:
            return True
        line, (start, end) = self.line, self.columns
        return finding.span == Span(Position(line, start), Position(line, end))


@dataclass(frozen=True)
class Case:
    """One fixture file. `faulty` files announce findings, the others must have none."""

    path: Path
    faulty: bool
    twin_path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def folder(self) -> str:
        return self.path.relative_to(ROOT).parts[0]

    @property
    def twin(self) -> Case:
        return Case(self.twin_path, not self.faulty, self.path)

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def expectations(self) -> tuple[Expectation, ...]:
        return tuple(expectations(self.text))

    @property
    def not_executed(self) -> str | None:
        """Why the file cannot be run where the tests run."""
        match = _NOT_EXECUTED.search(self.text)
        return match.group(1) if match else None

    @property
    def on_torch(self) -> bool:
        """Optimizers are those of torch, whose hooks measure what a run does; others state a claim instead."""
        of_its_own = "KERAS_BACKEND" in self.text
        return not of_its_own and re.search(r"^(?:# execute: )?(?:import|from) torch\b", self.text, re.MULTILINE) is not None

    @property
    def raises(self) -> str | None:
        match = _RAISES.search(self.text)
        return match.group(1) if match else None

    @property
    def claims(self) -> tuple[str, ...]:
        """Expressions over the names of the script that hold when it has run, and do not in its twin."""
        return tuple(_CLAIM.findall(self.text))

    @cached_property
    def report(self) -> Report:
        return report(self.text, self.name)

    def __str__(self) -> str:
        return self.name


@cache
def report(text: str, name: str = "fixture.py") -> Report:
    return check(Document(name, text), settings=settings(text))


def settings(text: str) -> Settings:
    """The rules that are on by default, and those that `text` chooses."""
    return Settings(extend_select=tuple(_SELECT.findall(text)))


def expectations(text: str) -> Iterator[Expectation]:
    """What the comments of `text` announce. Raises `ValueError` where one cannot be read."""
    for number, line in enumerate(text.splitlines(), start=1):
        announced = _EXPECT.search(line)
        if announced is None:
            continue
        for one in announced.group(1).split(";"):
            match = _ONE.fullmatch(one)
            if match is None:
                raise ValueError(f"line {number}: cannot read the expectation {one.strip()!r}")
            columns = (int(match["start"]), int(match["end"])) if match["start"] else None
            yield Expectation(number, match["code"], columns, match["message"] or "")


def executable(text: str) -> str:
    """`text` with the statements of its `# execute:` comments. Every line keeps its number."""
    return _EXECUTE.sub("", text)


def _collect() -> Iterator[Case]:
    for path in sorted(path for folder in (*CODES, IDIOMS) for path in (ROOT / folder).rglob("*.py")):
        name = path.name
        if path.relative_to(ROOT).parts[0] == IDIOMS:
            if name.endswith(".flagged.py"):
                yield Case(path, True, path.with_name(name.replace(".flagged.py", ".py")))
            else:
                yield Case(path, False, path.with_name(name.replace(".py", ".flagged.py")))
        elif name.endswith(".bad.py"):
            yield Case(path, True, path.with_name(name.replace(".bad.py", ".good.py")))
        else:
            yield Case(path, False, path.with_name(name.replace(".good.py", ".bad.py")))


CASES = tuple(_collect())
FAULTY = tuple(case for case in CASES if case.faulty)
CORRECT = tuple(case for case in CASES if not case.faulty)
