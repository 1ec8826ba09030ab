"""A report for programs: one object, described by docs/report.schema.json."""

from __future__ import annotations

import json
from typing import Any

from ..finding import FileStatus, Finding, Fix, Related, Report, Status
from ..source.text import Position, Span
from .text import frequencies

VERSION = 1
"""Of the format. It grows when a key changes its meaning or goes; new keys may come without."""

_COMPLETE = (Status.ANALYSED, Status.SKIPPED)


def render(report: Report) -> str:
    """The report as one JSON object; lines and columns are 1-based and count code points."""
    return json.dumps(as_object(report), ensure_ascii=False, indent=2) + "\n"


def render_statistics(report: Report) -> str:
    """How often each rule spoke, as a JSON list, the most frequent first."""
    rows = [{"code": code, "name": name, "count": number} for code, name, number in frequencies(report)]
    return json.dumps(rows, indent=2) + "\n"


def as_object(report: Report) -> dict[str, Any]:
    """What `render` prints; `files` holds those that could not be read or fully analysed."""
    return {
        "version": VERSION,
        "findings": [_finding(finding) for finding in report.findings],
        "files": [_file(file) for file in report.files if file.status not in _COMPLETE],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "source": finding.source.value,
        "state": finding.state.value,
        "fingerprint": finding.fingerprint,
        "message": finding.message,
        "path": finding.path,
        "cell": finding.cell,
        "range": _range(finding.span),
        "related": [_related(related) for related in finding.related],
        "fixes": [_fix(fix) for fix in finding.fixes],
    }


def _related(related: Related) -> dict[str, Any]:
    return {"path": related.path, "range": _range(related.span), "message": related.message}


def _fix(fix: Fix) -> dict[str, Any]:
    edits = None
    if fix.edits is not None:
        edits = [{"range": _range(edit.span), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "applicability": fix.applicability.value, "edits": edits}


def _range(span: Span) -> dict[str, Any]:
    return {"start": _position(span.start), "end": _position(span.end)}


def _position(position: Position) -> dict[str, int]:
    return {"line": position.line, "column": position.column}


def _file(file: FileStatus) -> dict[str, str]:
    return {"path": file.path, "status": file.status.value, "reason": file.reason}
