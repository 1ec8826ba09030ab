"""Quick fixes, "fix all" and "ignore", from results that are already there. What restructures gets its edit when it is chosen."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

from lsprotocol import types

from ..finding import Applicability, Edit, Finding, Fix
from ..fixes.apply import applicable
from ..source.document import Document
from ..source.text import Position, SourceText, Span
from .client import Client
from .convert import PROBE_SOURCE, SOURCE, Coordinates, is_rule, message_of, source_of
from .session import Result

QUICK_FIX = types.CodeActionKind.QuickFix.value
FIX_ALL = "source.fixAll.trainlint"
KINDS = (QUICK_FIX, FIX_ALL)

EXPLAIN = "trainlint.explain"
"""The command that opens the page of the rule whose code it is given."""

_IGNORED = re.compile(r"#\s*trainlint\s*:\s*ignore\s*\[([^\]#]*)(?=\])", re.IGNORECASE)


def wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether a client that asks for `only` these kinds gets `kind`: each stands for all kinds below it."""
    return only is None or any(not asked or kind == asked or kind.startswith(f"{asked}.") for asked in only)


def for_range(result: Result, client: Client, range: types.Range, context: types.CodeActionContext) -> list[types.CodeAction]:
    """Fixes of the findings that the client names, or of those at `range`, comments to silence them, and their pages."""
    coordinates = Coordinates(result.document.source, client.encoding)
    asked = coordinates.span(range)
    ours = [diagnostic for diagnostic in context.diagnostics if diagnostic.source in (SOURCE, PROBE_SOURCE)]
    fixes: list[types.CodeAction] = []
    ignores: list[types.CodeAction] = []
    pages: dict[str, types.CodeAction] = {}
    silenced: set[tuple[str, int]] = set()
    for finding in (*result.findings, *result.seen):
        shown = [diagnostic for diagnostic in ours if _shows(diagnostic, finding)]
        meant = shown if context.diagnostics else _meet(finding.span, asked)
        if not meant:
            continue
        preferred = applicable(finding, unsafe=False)
        for fix in finding.fixes:
            if (fix.edits or fix.restructuring) and fix.applicability is not Applicability.DISPLAY:
                fixes.append(
                    types.CodeAction(
                        fix.title,
                        kind=QUICK_FIX,
                        diagnostics=shown or None,
                        is_preferred=True if fix is preferred and client.action_is_preferred else None,
                        edit=workspace_edit(result.uri, result.document, client, fix.edits) if fix.edits else None,
                        data=None if fix.edits else {"uri": result.uri, "finding": finding.fingerprint, "title": fix.title},
                    )
                )
        place = (finding.code, finding.span.start.line)
        silence = None if place in silenced else ignore_edit(result.document.source, finding)
        silenced.add(place)
        if silence:
            ignores.append(
                types.CodeAction(
                    f"Ignore {finding.code} ({finding.name}) here",
                    kind=QUICK_FIX,
                    diagnostics=shown or None,
                    edit=workspace_edit(result.uri, result.document, client, (silence,)),
                )
            )
        if is_rule(finding.code) and finding.code not in pages:
            title = f"Explain {finding.code} ({finding.name})"
            command = types.Command(title, EXPLAIN, arguments=[finding.code])
            pages[finding.code] = types.CodeAction(title, kind=QUICK_FIX, diagnostics=shown or None, command=command)
    return [*fixes, *ignores, *pages.values()]


def meant_by(result: Result, data: Mapping[str, object]) -> Fix | None:
    """The fix that an action without an edit stands for; None where the text has moved on."""
    fixes = (fix for one in (*result.findings, *result.seen) if one.fingerprint == data.get("finding") for fix in one.fixes)
    return next((fix for fix in fixes if fix.title == data.get("title")), None)


def _meet(one: Span, other: Span) -> bool:
    return one.start <= other.end and other.start <= one.end


def _shows(diagnostic: types.Diagnostic, finding: Finding) -> bool:
    """Whether the client means `finding`. Columns do not tell: Neovim 0.7 sends them back in other units."""
    if diagnostic.code != finding.code or diagnostic.source != source_of(finding):
        return False
    data = diagnostic.data
    if isinstance(data, Mapping) and finding.fingerprint and "fingerprint" in data:
        return bool(data["fingerprint"] == finding.fingerprint)
    same_line = diagnostic.range.start.line == finding.span.start.line - 1
    return same_line and diagnostic.message == message_of(finding)


def may_fix_all(result: Result | None, only: Sequence[str] | None) -> bool:
    """Whether to offer "fix all"; while the text is newer than what is known, to those who ask for it."""
    if result is None:
        return only is not None
    return any(applicable(finding, unsafe=False) for finding in result.findings)


def fix_all(uri: str) -> types.CodeAction:
    """The action whose edit is made when it is asked for."""
    return types.CodeAction("Fix all that trainlint can fix safely", kind=FIX_ALL, data={"uri": uri})


def workspace_edit(uri: str, document: Document, client: Client, edits: Iterable[Edit]) -> types.WorkspaceEdit:
    """`edits` of `document`; bound to its version where the client knows such edits."""
    coordinates = Coordinates(document.source, client.encoding)
    changes = [types.TextEdit(coordinates.range(edit.span), edit.text) for edit in edits]
    if not client.document_changes:
        return types.WorkspaceEdit(changes={uri: changes})
    versioned = types.OptionalVersionedTextDocumentIdentifier(uri, document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(versioned, changes)])


def ignore_edit(source: SourceText, finding: Finding) -> Edit | None:
    """The edit that silences `finding` by a comment; None where the text cannot be tokenized.

    The comment ends the finding's first line, or where nothing can follow there, its statement.
    """
    ends, comments = _statements(source.text)
    first, last = finding.span.start.line, finding.span.end.line
    line = first if first in ends else next((end for end in ends if end >= last), None)
    if line is None:
        return None
    column, comment = comments.get(line, (0, ""))
    present = _IGNORED.search(comment)
    if present:
        place = Position(line, column + present.end())
        separator = ", " if present[1].strip() else ""
        return Edit(Span(place, place), f"{separator}{finding.code}")
    text = source.line(line)
    start = Position(line, len(text.rstrip()) + 1)
    return Edit(Span(start, Position(line, len(text) + 1)), f"  # trainlint: ignore[{finding.code}]")


@lru_cache(maxsize=8)
def _statements(text: str) -> tuple[tuple[int, ...], Mapping[int, tuple[int, str]]]:
    """The lines on which statements and headers end, and the comments by line, with their columns."""
    ends: list[int] = []
    comments: dict[int, tuple[int, str]] = {}
    with suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
            if token.type == tokenize.NEWLINE:
                ends.append(token.start[0])
            elif token.type == tokenize.COMMENT:
                comments[token.start[0]] = (token.start[1] + 1, token.string)
    return tuple(ends), comments
