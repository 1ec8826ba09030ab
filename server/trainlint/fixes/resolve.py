"""Edits of fixes that restructure, made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..finding import Edit, Finding, Fix
from ..source.text import SourceText, Span
from .difference import line_changes, narrowed

_FORM_FEED = "\f"


def resolved(fix: Fix, text: str) -> Fix:
    """`fix` with its edits of `text`; still without where the text leaves no place for them."""
    if fix.edits is not None or fix.restructuring is None:
        return fix
    from .restructure import Impossible, restructured

    plain = _Plain(text)
    change = fix.restructuring
    try:
        spans = plain.span(change.span), plain.span(change.inner) if change.inner is not None else None
        new = restructured(plain.text, replace(change, span=spans[0], inner=spans[1]))
    except Impossible:
        return fix
    changes = (narrowed(plain.text, *one) for one in line_changes(SourceText(plain.text), new))
    edits = [plain.edit(*one) for one in changes]
    return replace(fix, edits=tuple(edits)) if edits and None not in edits else fix  # type: ignore[arg-type]


def with_edits(findings: Iterable[Finding], text: str) -> tuple[Finding, ...]:
    """`findings` with the edits of all their fixes."""
    return tuple(replace(finding, fixes=tuple(resolved(fix, text) for fix in finding.fixes)) for finding in findings)


class _Plain:
    """A text without form feeds, which do not survive the parser, and where its places were."""

    def __init__(self, text: str) -> None:
        self.source = SourceText(text)
        self.text = text.replace(_FORM_FEED, "")
        self._plain = SourceText(self.text)
        self._places = [index for index, character in enumerate(text) if character != _FORM_FEED] + [len(text)]

    def span(self, span: Span) -> Span:
        counts = (self.source.text[: self.source.offset(place)].count(_FORM_FEED) for place in (span.start, span.end))
        start, end = (self.source.offset(place) - count for place, count in zip((span.start, span.end), counts, strict=True))
        return self._plain.span(start, end)

    def edit(self, start: int, end: int, text: str) -> Edit | None:
        """The edit of the text with form feeds; None where it would take one out."""
        first = self._places[start]
        last = self._places[end - 1] + 1 if end > start else first
        if _FORM_FEED in self.source.text[first:last]:
            return None
        return Edit(self.source.span(first, last), text)
