"""The only door to the analysis, for the command line, the language server and the tests."""

from __future__ import annotations

import ast
import dataclasses
import gc
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from .analysis.facts import Facts
from .analysis.places import Place, node_of
from .analysis.sight import describe
from .cancel import CancelFlag, Cancelled
from .finding import Confidence, FileStatus, Finding, Fix, Related, Report, Severity, Status
from .fixes.build import build as build_fix
from .program.frameworks.table import MODEL_WORDS, TRAINING_WORDS
from .program.program import build
from .program.training_imports import leads_to_training
from .rules import RULES, Observation, Rule
from .rules.housekeeping import unreadable_file, unused_suppression
from .settings import Settings
from .source.document import Document
from .source.parse import Site, Spot, Unreadable, parse, span_of, word_filter
from .source.suppress import WHOLE_FILE, Suppressions
from .source.text import Span
from .source.workspace import Parsed, Workspace

_TRAINING = word_filter(TRAINING_WORDS | MODEL_WORDS)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_PLACE = ("lineno", "col_offset", "end_lineno", "end_col_offset")
_LOUDNESS = {Severity.OFF: 0, Severity.INFO: 1, Severity.WARNING: 2, Severity.ERROR: 3}


def check(
    document: Document,
    workspace: Workspace | None = None,
    settings: Settings | None = None,
    cancel: CancelFlag | None = None,
) -> Report:
    """Findings of one document, in the order of its text. What it imports is followed into `workspace`.

    A text that cannot be parsed gives the finding TRN000 and the status UNREADABLE; anything that goes wrong in
    the analysis itself is a FAILED status. Raises `Cancelled` when `cancel` is set while it works.
    """
    settings = (settings or Settings()).for_file(document.path)
    cancel = cancel or CancelFlag()
    path = os.path.abspath(document.path)
    if not _TRAINING.search(document.text) and not (workspace and leads_to_training(workspace, path, document.text)):
        return Report(files=(FileStatus(document.path, Status.SKIPPED, "no training code"),))
    with _uncollected():
        return _check(document, workspace, settings, cancel)


def _check(document: Document, workspace: Workspace | None, settings: Settings, cancel: CancelFlag) -> Report:
    try:
        tree = parse(document.source)
    except Unreadable as error:
        return _unreadable(document, settings, error)
    cancel.check()
    try:
        path = os.path.abspath(document.path)
        facts = Facts(document, build(tree, cancel, workspace, path), cancel)
        findings = tuple(
            sorted(_Findings(facts, workspace, settings, cancel).all(), key=lambda finding: (finding.span, finding.code))
        )
        status = _status(document, facts)
        facts.program.forget()
    except Cancelled:
        raise
    except RecursionError:
        return Report(files=(FileStatus(document.path, Status.FAILED, "nested too deeply to be analysed"),))
    except Exception as error:
        reason = f"trainlint failed on this file, which is a defect of trainlint: {type(error).__name__}: {error}"
        return Report(files=(FileStatus(document.path, Status.FAILED, reason),))
    return Report(findings, (status,))


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cycles: what a check builds grows until its end, and then frees itself but for a small rest."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def explain(document: Document, line: int, workspace: Workspace | None = None, settings: Settings | None = None) -> str:
    """What the analysis sees at a line: things, effects, the states they meet, and where sight was lost."""
    try:
        tree = parse(document.source)
    except Unreadable as error:
        return f"{document.path} cannot be parsed: {error} (line {error.position.line})"
    cancel = CancelFlag()
    return describe(document.path, build(tree, cancel, workspace, os.path.abspath(document.path)), line, cancel)


class _Findings:
    """The observations of the rules on one document, placed and put into findings."""

    def __init__(self, facts: Facts, workspace: Workspace | None, settings: Settings, cancel: CancelFlag) -> None:
        self.facts = facts
        self.document = facts.document
        self.workspace = workspace
        self.settings = settings
        self.cancel = cancel
        self._others: dict[str, Facts] = {}

    def all(self) -> Iterator[Finding]:
        suppressions = Suppressions.of(self.document.text)
        checked: set[Rule] = set()
        for rule in _selected(self.settings) if not self.facts.program.index.foreign else ():
            checked.add(rule)
            told: set[Span] = set()
            for observation in rule.check(self.facts):
                heuristic = observation.confidence is Confidence.HEURISTIC
                if heuristic and not self.settings.selects(rule.code, rule.name, heuristic=True):
                    continue
                finding = self._finding(rule, observation)
                if finding is None or finding.span in told or suppressions.suppresses(rule.code, rule.name, finding.span):
                    continue
                told.add(finding.span)
                yield finding
        if suppressions.silencers and unused_suppression.RULE in checked and self.facts.program.complete:
            yield from self._unused(suppressions, checked)

    def _unused(self, suppressions: Suppressions, checked: set[Rule]) -> Iterator[Finding]:
        rule, source = unused_suppression.RULE, self.document.source
        for span, message, fix in unused_suppression.unused(suppressions, RULES, checked, self._is_open, source):
            if not suppressions.suppresses(rule.code, rule.name, span):
                severity = self.settings.severity_of(rule.code, rule.name) or rule.severity
                print_of = _fingerprint(rule.code, self.document, span)
                certain = Confidence.CERTAIN
                yield Finding(rule.code, rule.name, severity, certain, message, self.document.path, span, print_of, fixes=(fix,))

    def _is_open(self, line: int) -> bool:
        """Other files may call what stands at this line, and find something there that this file alone does not show."""
        if self.workspace is None:
            return False
        if line == WHOLE_FILE:
            return any(isinstance(entry.node, _FUNCTIONS) for entry in self.facts.program.entries)
        return any(
            isinstance(entry.node, _FUNCTIONS) and entry.node.lineno <= line <= (entry.node.end_lineno or line)
            for entry in self.facts.program.entries
            if self.facts.places.home(entry.node) is None
        )

    def _finding(self, rule: Rule, observation: Observation) -> Finding | None:
        """None where another file's own check speaks of it, or is told to keep silent."""
        home = self.facts.places.home(observation.place)
        node, message, related = node_of(observation.place), observation.message, observation.related
        if home is not None:
            way = self.facts.places.way_to(observation.place)
            there = span_of(node, home.document.source)
            silenced = Suppressions.of(home.document.text).suppresses(rule.code, rule.name, there)
            if way is None or silenced or any(self._is_told(rule, node, parsed) for parsed in way.files):
                return None
            name = os.path.basename(home.document.path)
            message, related = f"in {name}, {message}", ((node, f"this call leads to {name}"), *related)
            node = way.call
        span = span_of(node, self.document.source)
        return Finding(
            code=rule.code,
            name=rule.name,
            severity=self.settings.severity_of(rule.code, rule.name) or _shown(rule.severity, observation.confidence),
            confidence=observation.confidence,
            message=message,
            path=self.document.path,
            span=span,
            fingerprint=_fingerprint(rule.code, self.document, span),
            related=tuple(self._related(place, words) for place, words in related),
            fixes=tuple(self._fixes(observation)),
        )

    def _is_told(self, rule: Rule, node: ast.AST, parsed: Parsed) -> bool:
        """The check of another file says the same of this place, whoever calls it."""
        path = parsed.document.path
        if path not in self._others:
            self._others[path] = Facts(parsed.document, build(parsed.tree, self.cancel, self.workspace, path), self.cancel)
        return any(_same(node_of(observation.place), node) for observation in rule.check(self._others[path]))

    def _related(self, place: Place | Spot, message: str) -> Related:
        if isinstance(place, Spot):
            return Related(self._path_of(place.path), place.span, message)
        home = self.facts.places.home(place)
        document = self.document if home is None else home.document
        path = document.path if home is None else self._path_of(document.path)
        return Related(path, _header(node_of(place), document), message)

    def _path_of(self, other: str) -> str:
        """The path of another file, absolute or relative as that of the checked one."""
        return other if os.path.isabs(self.document.path) else os.path.relpath(other)

    def _fixes(self, observation: Observation) -> Iterator[Fix]:
        """Fixes change no other file."""
        for remedy in observation.remedies:
            values = [getattr(remedy, field.name) for field in dataclasses.fields(remedy)]
            if all(self.facts.places.home(value) is None for value in values if isinstance(value, (Site, ast.AST))):
                fix = build_fix(remedy, self.facts.program.tree, self.document.source)
                if fix is not None:
                    yield fix


@lru_cache(maxsize=64)
def _selected(settings: Settings) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if settings.selects(rule.code, rule.name, heuristic=rule.severity is Severity.OFF))


def _same(one: ast.AST, other: ast.AST) -> bool:
    """The same piece of the same text, perhaps in two trees."""
    return all(getattr(one, name, None) == getattr(other, name, None) for name in _PLACE)


def _shown(severity: Severity, confidence: Confidence) -> Severity:
    """The lower of the rule's severity and what its confidence allows."""
    most = Severity.ERROR if confidence is Confidence.CERTAIN else Severity.WARNING
    return min(severity, most, key=lambda one: _LOUDNESS[one])


def _header(node: ast.AST, document: Document) -> Span:
    """The span of an expression; of a compound statement its header."""
    span = span_of(node, document.source)
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        iterable = getattr(node, "iter", None) or getattr(node, "test", None)
        if iterable is not None:
            return Span(span.start, span_of(iterable, document.source).end)
    return span


def _fingerprint(code: str, document: Document, span: Span) -> str:
    """The same for the same mistake in the same text, wherever it stands in the file."""
    lines = document.source
    context = [lines.line(number).strip() for number in range(max(span.start.line - 2, 1), span.start.line + 1)]
    return hashlib.sha256("\0".join((code, lines.slice(span), *context)).encode()).hexdigest()[:16]


def _status(document: Document, facts: Facts) -> FileStatus:
    program = facts.program
    if not program.complete:
        return FileStatus(document.path, Status.PARTIAL, "too large to be analysed in full")
    blind = [(facts.places.home(blind.node), getattr(blind.node, "lineno", 0), blind.reason) for blind in program.blind]
    if blind:
        home, line, reason = min(blind, key=lambda place: (place[0] is not None, place[1]))
        where = f"{os.path.basename(home.document.path)}, " if home is not None else ""
        return FileStatus(document.path, Status.PARTIAL, f"{where}line {line}: {reason}")
    return FileStatus(document.path, Status.ANALYSED)


def _unreadable(document: Document, settings: Settings, error: Unreadable) -> Report:
    status = FileStatus(document.path, Status.UNREADABLE, f"line {error.position.line}: {error}")
    rule = unreadable_file.RULE
    if not settings.selects(rule.code, rule.name):
        return Report(files=(status,))
    span = Span(error.position, error.position)
    finding = Finding(
        rule.code,
        rule.name,
        settings.severity_of(rule.code, rule.name) or rule.severity,
        Confidence.CERTAIN,
        f"this file cannot be parsed, so nothing in it is checked: {error}",
        document.path,
        span,
        _fingerprint(rule.code, document, span),
    )
    return Report((finding,), (status,))
