"""The only door to the analysis, for the command line, the language server and the tests."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator

from .analysis.facts import Facts
from .analysis.sight import describe
from .cancel import CancelFlag, Cancelled
from .finding import Confidence, FileStatus, Finding, Related, Report, Severity, Status
from .fixes.build import build as build_fix
from .program.program import TRAINING_WORDS, Program, build
from .rules import RULES, Observation, Rule, unreadable_file
from .settings import Settings
from .source.document import Document
from .source.parse import Unreadable, parse, span_of, word_filter
from .source.suppress import Suppressions
from .source.text import Span
from .source.workspace import Workspace

_TRAINING = word_filter(TRAINING_WORDS)
_LOUDNESS = {Severity.OFF: 0, Severity.INFO: 1, Severity.WARNING: 2, Severity.ERROR: 3}


def check(
    document: Document,
    workspace: Workspace | None = None,
    settings: Settings | None = None,
    cancel: CancelFlag | None = None,
) -> Report:
    """Findings of one document, in the order of its text.

    A text that cannot be parsed gives the finding TRN000 and the status UNREADABLE; anything that goes wrong in
    the analysis itself is a FAILED status. Raises `Cancelled` when `cancel` is set while it works.
    """
    settings = (settings or Settings()).for_file(document.path)
    cancel = cancel or CancelFlag()
    if not _TRAINING.search(document.text):
        return Report(files=(FileStatus(document.path, Status.SKIPPED, "no training code"),))
    try:
        tree = parse(document.source)
    except Unreadable as error:
        return _unreadable(document, settings, error)
    cancel.check()
    try:
        facts = Facts(document, build(tree, cancel), cancel)
        findings = tuple(sorted(_findings(document, tree, facts, settings), key=lambda finding: (finding.span, finding.code)))
        status = _status(document, facts.program)
    except Cancelled:
        raise
    except RecursionError:
        return Report(files=(FileStatus(document.path, Status.FAILED, "nested too deeply to be analysed"),))
    except Exception as error:
        reason = f"trainlint failed on this file, which is a defect of trainlint: {type(error).__name__}: {error}"
        return Report(files=(FileStatus(document.path, Status.FAILED, reason),))
    return Report(findings, (status,))


def explain(document: Document, line: int, workspace: Workspace | None = None, settings: Settings | None = None) -> str:
    """What the analysis sees at a line: things, effects, the states they meet, and where sight was lost."""
    try:
        tree = parse(document.source)
    except Unreadable as error:
        return f"{document.path} cannot be parsed: {error} (line {error.position.line})"
    cancel = CancelFlag()
    return describe(document.path, build(tree, cancel), line, cancel)


def _findings(document: Document, tree: ast.Module, facts: Facts, settings: Settings) -> Iterator[Finding]:
    suppressions = Suppressions.of(document.text)
    for rule in RULES:
        if not settings.selects(rule.code, rule.name, heuristic=rule.severity is Severity.OFF):
            continue
        told: set[Span] = set()
        for observation in rule.check(facts):
            span = span_of(observation.node, document.source)
            heuristic = observation.confidence is Confidence.HEURISTIC
            if span in told or suppressions.suppresses(rule.code, rule.name, span):
                continue
            if heuristic and not settings.selects(rule.code, rule.name, heuristic=True):
                continue
            told.add(span)
            yield _finding(document, tree, rule, observation, span, settings)


def _finding(
    document: Document, tree: ast.Module, rule: Rule, observation: Observation, span: Span, settings: Settings
) -> Finding:
    fixes = (build_fix(remedy, tree, document.source) for remedy in observation.remedies)
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=settings.severity_of(rule.code, rule.name) or _shown(rule.severity, observation.confidence),
        confidence=observation.confidence,
        message=observation.message,
        path=document.path,
        span=span,
        fingerprint=_fingerprint(rule.code, document, span),
        related=tuple(Related(document.path, _header(node, document), message) for node, message in observation.related),
        fixes=tuple(fix for fix in fixes if fix is not None),
    )


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


def _status(document: Document, program: Program) -> FileStatus:
    if not program.complete:
        return FileStatus(document.path, Status.PARTIAL, "too large to be analysed in full")
    if program.blind:
        first = min(program.blind, key=lambda blind: getattr(blind.node, "lineno", 0))
        return FileStatus(document.path, Status.PARTIAL, f"line {getattr(first.node, 'lineno', 0)}: {first.reason}")
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
