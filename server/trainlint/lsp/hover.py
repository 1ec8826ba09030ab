"""What a rule says of itself, where one of its findings is shown or its code is written."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lsprotocol import types

from ..source.document import Document
from ..source.text import Position, Span
from .client import Client
from .convert import Coordinates
from .pages import Rule
from .session import Result

_CODE = re.compile(r"\bTRN[0-9]{3}\b")


def hover(
    document: Document,
    result: Result | None,
    rules: Mapping[str, Rule],
    place: types.Position,
    client: Client,
) -> types.Hover | None:
    """The rules of the findings on the line of `place`, or the one whose code stands there."""
    coordinates = Coordinates(document.source, client.encoding)
    position = document.source.position(coordinates.offset(place))
    written = _code_at(document, position)
    if written:
        codes, span = [written[0]], written[1]
    else:
        here = [
            finding
            for finding in ((*result.findings, *result.seen) if result else ())
            if finding.span.start.line <= position.line <= finding.span.end.line
        ]
        if not here:
            return None
        codes, span = list(dict.fromkeys(finding.code for finding in here)), here[0].span
    pages = [_page(rules[code], client.markdown) for code in codes if code in rules]
    if not pages:
        return None
    kind = types.MarkupKind.Markdown if client.markdown else types.MarkupKind.PlainText
    divider = "\n\n---\n\n" if client.markdown else "\n\n"
    return types.Hover(types.MarkupContent(kind, divider.join(pages)), coordinates.range(span))


def _code_at(document: Document, position: Position) -> tuple[str, Span] | None:
    for match in _CODE.finditer(document.source.line(position.line)):
        if match.start() < position.column <= match.end() + 1:
            start, end = match.start() + 1, match.end() + 1
            return match[0], Span(Position(position.line, start), Position(position.line, end))
    return None


def _page(rule: Rule, markdown: bool) -> str:
    title = f"**{rule.code}** `{rule.name}`" if markdown else f"{rule.code} {rule.name}"
    return f"{title}\n\n{rule.doc}"
