"""A report as workflow commands, which GitHub shows as annotations of the changed lines."""

from __future__ import annotations

from ..finding import Finding, Report, Severity, Status

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
    Severity.OFF: "notice",
}


def render(report: Report) -> str:
    """One command for every finding, and a warning for every file that could not be checked."""
    lines = [_finding(finding) for finding in report.findings]
    for file in report.files:
        if file.status in (Status.UNREADABLE, Status.FAILED):
            place = _properties({"title": "not checked", "file": file.path})
            lines.append(f"::warning {place}::{_data(f'{file.path}: {file.reason}')}")
    return "".join(f"{line}\n" for line in lines)


def _finding(finding: Finding) -> str:
    start, end = finding.span.start, finding.span.end
    properties = {
        "title": f"{finding.code} {finding.name}",
        "file": finding.path,
        "line": str(start.line),
        "endLine": str(end.line),
    }
    if start.line == end.line:
        properties |= {"col": str(start.column), "endColumn": str(end.column)}
    place = f"{finding.path}:{start.line}:{start.column}"
    message = f"{place}: {finding.code} {finding.message}"
    return f"::{_LEVELS[finding.severity]} {_properties(properties)}::{_data(message)}"


def _properties(properties: dict[str, str]) -> str:
    escaped = (f"{key}={_property(value)}" for key, value in properties.items())
    return ",".join(escaped)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
