"""A report in SARIF 2.1.0, the format that code-scanning services read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, Protocol
from urllib.parse import quote

from .. import __version__
from ..finding import FileStatus, Finding, Fix, Report, Severity, Status
from ..source.text import Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
    Severity.OFF: "note",
}

_TOLD = {Status.FAILED: "error", Status.UNREADABLE: "warning", Status.PARTIAL: "note"}


class RuleText(Protocol):
    """What the output says about a rule apart from its findings."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def summary(self) -> str: ...
    @property
    def doc(self) -> str: ...


def render(report: Report, rules: Iterable[RuleText] = ()) -> str:
    """One SARIF log with one run; `rules` are described in it when they have a finding."""
    found = {finding.code: finding for finding in report.findings}
    described = {rule.code: _rule(rule) for rule in rules if rule.code in found}
    codes = sorted(found)
    entries = [described.get(code) or {"id": code, "name": found[code].name} for code in codes]
    failed = [file for file in report.files if file.status is Status.FAILED]
    run = {
        "tool": {"driver": {"name": "trainlint", "semanticVersion": __version__, "rules": entries}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not failed,
                "toolExecutionNotifications": [_notification(file) for file in report.files if file.status in _TOLD],
            }
        ],
        "results": [_result(finding, codes.index(finding.code)) for finding in report.findings],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=False, indent=2) + "\n"


def _rule(rule: RuleText) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.doc, "markdown": rule.doc},
        "defaultConfiguration": {
            "level": _LEVELS[rule.severity],
            "enabled": rule.severity is not Severity.OFF,
        },
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [_location(finding.path, finding.span)],
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, **_location(related.path, related.span), "message": {"text": related.message}}
            for number, related in enumerate(finding.related, start=1)
        ]
    if finding.fingerprint:
        result["partialFingerprints"] = {"trainlint/v1": finding.fingerprint}
    fixes = [_fix(finding.path, fix) for fix in finding.fixes if fix.edits]
    if fixes:
        result["fixes"] = fixes
    result["properties"] = {
        "confidence": finding.confidence.value,
        "source": finding.source.value,
        "state": finding.state.value,
    }
    return result


def _location(path: str, span: Span) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": uri(path)}, "region": _region(span)}}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.start.line,
        "startColumn": span.start.column,
        "endLine": span.end.line,
        "endColumn": span.end.column,
    }


def _fix(path: str, fix: Fix) -> dict[str, Any]:
    replacements = [{"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}} for edit in fix.edits or ()]
    return {
        "description": {"text": fix.title},
        "artifactChanges": [{"artifactLocation": {"uri": uri(path)}, "replacements": replacements}],
        "properties": {"applicability": fix.applicability.value},
    }


def _notification(file: FileStatus) -> dict[str, Any]:
    return {
        "level": _TOLD[file.status],
        "message": {"text": f"{file.status.value}: {file.reason}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(file.path)}}}],
    }


def uri(path: str) -> str:
    """A URI reference for `path`: absolute with its scheme, relative ones with forward slashes."""
    pure = PurePath(path)
    if pure.is_absolute():
        return pure.as_uri()
    return quote(pure.as_posix(), errors="surrogateescape")
