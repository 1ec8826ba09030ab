"""Between trainlint's positions and findings and those of the Language Server Protocol.

trainlint counts lines and columns from 1, in code points. LSP counts from 0, in the units of the encoding
that client and server agreed on: UTF-16 unless both know better.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lsprotocol import types

from ..finding import Finding, Origin, Severity, State
from ..source.text import Position, SourceText, Span
from .client import Client

SOURCE = "trainlint"
PROBE_SOURCE = "trainlint probe"

_DRIVE = re.compile(r"^/([A-Za-z]:)")

_UNIT_BYTES = {types.PositionEncodingKind.Utf16.value: 2, types.PositionEncodingKind.Utf32.value: 4}

_RULE = re.compile(r"TRN[0-9]{3}")

_TAGS = {"TRN108": frozenset({types.DiagnosticTag.Unnecessary})}
"""Rules about code that does nothing; editors show it faded."""

_SEVERITY = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
    Severity.OFF: types.DiagnosticSeverity.Information,
}


def path_of(uri: str) -> str | None:
    """The file that `uri` names, or None where it names none (``untitled:``, a notebook's cell)."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    path = unquote(parts.path)
    if parts.netloc:
        path = f"//{parts.netloc}{path}"
    return path if os.sep == "/" else _DRIVE.sub(r"\1", path).replace("/", os.sep)


def uri_of(path: str) -> str:
    """The ``file:`` URI of an absolute path."""
    return Path(path).as_uri()


@dataclass(frozen=True)
class Coordinates:
    """The positions of one text as a client counts them."""

    source: SourceText
    encoding: str = types.PositionEncodingKind.Utf16.value

    def position(self, place: Position) -> types.Position:
        line = min(max(place.line, 1), self.source.line_count)
        text = self.source.line(line)[: place.column - 1]
        return types.Position(line - 1, self._units(text))

    def range(self, span: Span) -> types.Range:
        return types.Range(self.position(span.start), self.position(span.end))

    def offset(self, place: types.Position) -> int:
        """The code point at `place`: past a line's end that end, inside a character its start."""
        if place.line >= self.source.line_count:
            return len(self.source.text)
        line = self.source.line(place.line + 1)
        return self.source.line_starts[place.line] + self._points(line, place.character)

    def span(self, range: types.Range) -> Span:
        return self.source.span(self.offset(range.start), self.offset(range.end))

    def _units(self, text: str) -> int:
        if text.isascii():
            return len(text)
        if self.encoding == types.PositionEncodingKind.Utf8.value:
            return len(text.encode(errors="surrogatepass"))
        width = _UNIT_BYTES[self.encoding]
        return len(text.encode(f"utf-{width * 8}-le", "surrogatepass")) // width

    def _points(self, line: str, units: int) -> int:
        if line.isascii():
            return min(units, len(line))
        taken = 0
        for index, character in enumerate(line):
            taken += self._units(character)
            if taken > units:
                return index
        return len(line)


def changed(text: str, change: types.TextDocumentContentChangeEvent, encoding: str) -> str:
    """`text` after one change that a client reports."""
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return change.text
    coordinates = Coordinates(SourceText(text), encoding)
    start, end = coordinates.offset(change.range.start), coordinates.offset(change.range.end)
    return text[:start] + change.text + text[max(start, end) :]


def is_rule(code: str) -> bool:
    """Whether a rule is meant, and not something that the probe saw."""
    return _RULE.fullmatch(code) is not None


def message_of(finding: Finding) -> str:
    """What the client shows; what a run refutes says so itself."""
    return f"{finding.message} (confirmed by a run)" if finding.state is State.CONFIRMED else finding.message


def source_of(finding: Finding) -> str:
    """Who says it, as the client shows it."""
    return PROBE_SOURCE if finding.source is Origin.PROBE else SOURCE


def diagnostic(
    finding: Finding,
    coordinates: Coordinates,
    client: Client,
    locate: Callable[[str, Span], types.Location],
    page_of: Callable[[str], str | None],
) -> types.Diagnostic:
    """What the client shows for `finding`; `locate` answers where a related place lies, `page_of` where a rule's page does."""
    related = [types.DiagnosticRelatedInformation(locate(place.path, place.span), place.message) for place in finding.related]
    page = page_of(finding.code) if client.code_description else None
    return types.Diagnostic(
        range=coordinates.range(finding.span),
        message=message_of(finding),
        severity=types.DiagnosticSeverity.Hint if finding.state is State.WITHDRAWN else _SEVERITY[finding.severity],
        code=finding.code,
        code_description=types.CodeDescription(page) if page else None,
        source=source_of(finding),
        tags=list(_TAGS.get(finding.code, frozenset()) & client.diagnostic_tags) or None,
        related_information=related if related and client.related_information else None,
        data={"fingerprint": finding.fingerprint} if client.diagnostic_data else None,
    )
