"""Which actions a client is offered, and that the comment which ignores a finding does ignore it."""

from __future__ import annotations

from typing import Any

import pytest
from lsprotocol import types
from trainlint.finding import Applicability, Confidence, Edit, Finding, Fix, Severity
from trainlint.fixes.apply import apply_edits
from trainlint.fixes.difference import difference
from trainlint.lsp import actions
from trainlint.lsp.client import Client
from trainlint.lsp.convert import Coordinates, diagnostic
from trainlint.lsp.session import Result
from trainlint.settings import Settings
from trainlint.source.document import Document
from trainlint.source.suppress import Suppressions
from trainlint.source.text import Position, SourceText, Span

URI = "file:///train.py"
TEXT = "first()\nsecond()\nthird()\n"


def finding(line: int, *fixes: Fix, code: str = "TRN101", name: str = "missing-zero-grad") -> Finding:
    span = Span(Position(line, 1), Position(line, 8))
    return Finding(code, name, Severity.WARNING, Confidence.LIKELY, "m", "/train.py", span, f"f{line}", fixes=fixes)


def fix(title: str, applicability: Applicability, line: int = 1) -> Fix:
    span = Span(Position(line, 1), Position(line, 6))
    return Fix(title, applicability, (Edit(span, "fixed"),))


SAFE, UNSAFE, DISPLAY = Applicability.SAFE, Applicability.UNSAFE, Applicability.DISPLAY


def offered(
    findings: tuple[Finding, ...],
    line: int = 0,
    diagnostics: list[types.Diagnostic] | None = None,
    **client: Any,
) -> list[types.CodeAction]:
    result = Result(URI, Document("/train.py", TEXT, 3), 1, Settings(), findings, frozenset())
    at = types.Range(types.Position(line, 2), types.Position(line, 2))
    context = types.CodeActionContext(diagnostics or [])
    answer = actions.for_range(result, Client(action_is_preferred=True, **client), at, context)
    return [action for action in answer if action.command is None]


def test_each_rule_explains_itself_once() -> None:
    result = Result(URI, Document("/train.py", TEXT, 3), 1, Settings(), (finding(1), finding(2)), frozenset())
    everywhere = types.Range(types.Position(0, 0), types.Position(9, 0))
    answer = actions.for_range(result, Client(), everywhere, types.CodeActionContext([]))
    (explain,) = [action for action in answer if action.command is not None]
    assert explain.title == "Explain TRN101 (missing-zero-grad)"
    assert explain.command == types.Command(explain.title, "trainlint.explain", arguments=["TRN101"])


def shown(finding: Finding, **client: Any) -> types.Diagnostic:
    source = SourceText(TEXT)
    return diagnostic(
        finding, Coordinates(source), Client(**client), lambda path, span: pytest.fail("no place"), lambda code: None
    )


def test_fixes_come_first_and_only_a_safe_one_is_preferred() -> None:
    found = finding(1, fix("change", UNSAFE), fix("tidy", SAFE), fix("tidy too", SAFE))
    answer = offered((found,))
    assert [(action.title, action.is_preferred) for action in answer] == [
        ("change", None),
        ("tidy", True),
        ("tidy too", None),
        ("Ignore TRN101 (missing-zero-grad) here", None),
    ]
    assert {action.kind for action in answer} == {"quickfix"}


def test_fixes_for_reading_only_and_unresolved_ones_are_not_offered() -> None:
    found = finding(1, fix("read", DISPLAY), Fix("later", SAFE, None), Fix("nothing", SAFE, ()))
    assert [action.title for action in offered((found,))] == ["Ignore TRN101 (missing-zero-grad) here"]


def test_only_findings_at_the_place_are_offered() -> None:
    findings = (finding(1, fix("one", SAFE)), finding(3, fix("three", SAFE, 3)))
    assert [action.title for action in offered(findings, line=2) if "Ignore" not in action.title] == ["three"]
    assert offered(findings, line=1) == []


def test_a_client_that_names_diagnostics_gets_actions_for_those() -> None:
    one, other = finding(1, fix("one", SAFE)), finding(1, fix("other", SAFE), code="TRN402", name="double")
    named = shown(one)
    answer = offered((one, other), diagnostics=[named])
    assert [action.title for action in answer] == ["one", "Ignore TRN101 (missing-zero-grad) here"]
    assert all(action.diagnostics == [named] for action in answer)
    foreign = types.Diagnostic(named.range, "unused", code="F401", source="ruff")
    assert offered((one, other), diagnostics=[foreign]) == []


def test_a_diagnostic_that_has_moved_with_the_text_is_known_by_its_data() -> None:
    found = finding(1, fix("one", SAFE))
    named = shown(found, diagnostic_data=True)
    named.range = types.Range(types.Position(0, 1), types.Position(0, 9))
    assert len(offered((found,), diagnostics=[named])) == 2


def test_a_diagnostic_is_known_by_its_line_and_words_where_the_client_keeps_no_data() -> None:
    found = finding(1, fix("one", SAFE))
    named = shown(found)
    named.range = types.Range(types.Position(0, 3), types.Position(0, 12))
    assert len(offered((found,), line=1, diagnostics=[named])) == 2
    named.range = types.Range(types.Position(1, 0), types.Position(1, 7))
    assert offered((found,), diagnostics=[named]) == []


def test_edits_are_bound_to_the_version_where_the_client_knows_that() -> None:
    found = finding(1, fix("one", SAFE))
    text_edit = types.TextEdit(types.Range(types.Position(0, 0), types.Position(0, 5)), "fixed")
    plain = offered((found,))[0].edit
    assert plain == types.WorkspaceEdit(changes={URI: [text_edit]})
    versioned = offered((found,), document_changes=True)[0].edit
    identifier = types.OptionalVersionedTextDocumentIdentifier(URI, 3)
    assert versioned == types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, [text_edit])])


@pytest.mark.parametrize(
    ("kind", "only", "expected"),
    [
        (actions.QUICK_FIX, None, True),
        (actions.QUICK_FIX, ["quickfix"], True),
        (actions.QUICK_FIX, [""], True),
        (actions.QUICK_FIX, ["source"], False),
        (actions.QUICK_FIX, ["quickfix.other"], False),
        (actions.FIX_ALL, ["source"], True),
        (actions.FIX_ALL, ["source.fixAll"], True),
        (actions.FIX_ALL, ["source.fixAll.trainlint"], True),
        (actions.FIX_ALL, ["source.fixAll.ruff"], False),
        (actions.FIX_ALL, ["source.fix"], False),
        (actions.FIX_ALL, ["quickfix", "source.organizeImports"], False),
        (actions.FIX_ALL, [], False),
    ],
)
def test_a_kind_stands_for_the_kinds_below_it(kind: str, only: list[str] | None, expected: bool) -> None:
    assert actions.wanted(kind, only) is expected


IGNORED = [
    ("loss.backward()\nopt.step()\n", 2, 2, "opt.step()  # trainlint: ignore[TRN101]"),
    ("opt.step()   \n", 1, 1, "opt.step()  # trainlint: ignore[TRN101]"),
    ("opt.step()  # why\n", 1, 1, "opt.step()  # why  # trainlint: ignore[TRN101]"),
    ("opt.step()  # trainlint: ignore[TRN402]\n", 1, 1, "opt.step()  # trainlint: ignore[TRN402, TRN101]"),
    ("opt.step()  # trainlint: ignore[]\n", 1, 1, "opt.step()  # trainlint: ignore[TRN101]"),
    ("opt.step(\n    closure,\n)\n", 1, 3, ")  # trainlint: ignore[TRN101]"),
    ("opt.step(\n    closure,\n)\n", 2, 2, ")  # trainlint: ignore[TRN101]"),
    ("x = opt.step() + \\\n    1\n", 1, 1, "    1  # trainlint: ignore[TRN101]"),
    ('f("""\n""", opt.step(), """\n""")\n', 2, 2, '""")  # trainlint: ignore[TRN101]'),
    ("for x in y:\n    a()\n    b()\n", 1, 3, "for x in y:  # trainlint: ignore[TRN101]"),
    ("opt.step()", 1, 1, "opt.step()  # trainlint: ignore[TRN101]"),
    ("s = '# trainlint: ignore[TRN402]'; opt.step()\n", 1, 1, "opt.step()  # trainlint: ignore[TRN101]"),
]


@pytest.mark.parametrize(("text", "first", "last", "expected"), IGNORED)
def test_the_comment_silences_the_finding_and_leaves_the_rest(text: str, first: int, last: int, expected: str) -> None:
    source = SourceText(text)
    span = Span(Position(first, 1), Position(last, len(source.line(last)) + 1))
    found = Finding("TRN101", "missing-zero-grad", Severity.WARNING, Confidence.LIKELY, "m", "/t.py", span)
    assert not Suppressions.of(text).suppresses("TRN101", "missing-zero-grad", span)
    edit = actions.ignore_edit(source, found)
    assert edit
    silenced = apply_edits(text, [edit])
    assert any(line.endswith(expected) for line in silenced.splitlines())
    assert Suppressions.of(silenced).suppresses("TRN101", "missing-zero-grad", span)
    compile(silenced, "silenced", "exec")


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        ("a\nb\nc\n", "a\nB\nc\n", 1),
        ("a\nb\nc\n", "x\na\nb\nC\n", 2),
        ("a\r\nb", "a\r\nb\r\nc", 1),
        ("", "a\n", 1),
        ("a\n\fb\n", "a\n\fb\n", 0),
        ("a\nb\n", "", 1),
    ],
)
def test_the_difference_of_two_texts_leads_from_one_to_the_other(old: str, new: str, count: int) -> None:
    edits = difference(SourceText(old), new)
    assert len(edits) == count
    assert apply_edits(old, edits) == new
