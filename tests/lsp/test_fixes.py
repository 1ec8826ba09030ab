"""Fixes, "fix all" and documentation, as a client asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from trainlint.lsp.convert import path_of

from tests.lsp.raw import Local
from tests.lsp.test_documents import URI, change, insertion, next_published

LITERALS = {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": [""]}}, "isPreferredSupport": True}
RESOLVES = {**LITERALS, "dataSupport": True, "resolveSupport": {"properties": ["edit"]}}
TEXT = "bad()\nx = '🔥'; sloppy()\nsloppy()\n"


def capabilities(action: object, hover: object = None) -> dict[str, Any]:
    return {
        "textDocument": {"codeAction": action, "hover": hover},
        "workspace": {"workspaceEdit": {"documentChanges": True}},
    }


def actions(client: Local, line: int, **context: Any) -> list[dict[str, Any]]:
    place = {"line": line, "character": 0}
    answer: list[dict[str, Any]] = client.call(
        "textDocument/codeAction",
        {
            "textDocument": {"uri": URI},
            "range": {"start": place, "end": {"line": line, "character": 99}},
            "context": {"diagnostics": [], **context},
        },
    )["result"]
    return answer


def titles(found: list[dict[str, Any]]) -> list[str]:
    return [action["title"] for action in found]


@pytest.mark.parametrize("shows", [True, False])
def test_a_rule_is_explained_by_its_page_or_in_words(shows: bool) -> None:
    with Local() as client:
        client.initialize({"window": {"showDocument": {"support": shows}}})
        request = client.request("workspace/executeCommand", {"command": "trainlint.explain", "arguments": ["TRN101"]})
        if shows:
            asked = client.wait_for("window/showDocument")
            page = path_of(asked["params"]["uri"])
            assert page
            assert Path(page).read_text(encoding="utf-8").startswith("# bad-call (TRN101)")
            client.send({"jsonrpc": "2.0", "id": asked["id"], "result": {"success": True}})
        else:
            assert "TRN101 (bad-call)" in client.wait_for("window/showMessage")["params"]["message"]
        assert client.answer(request)["result"] is None


def test_fixes_are_offered_where_the_finding_is() -> None:
    with Local() as client:
        client.initialize(capabilities(RESOLVES))
        client.open(URI, TEXT, version=4)
        diagnostics = next_published(client)["diagnostics"]
        fix, ignore, _, fix_all = actions(client, 0, diagnostics=diagnostics[:1])
        assert titles([fix, ignore]) == ["Insert `good()` before `bad()`", "Ignore TRN101 (bad-call) here"]
        assert "isPreferred" not in fix
        assert fix["diagnostics"] == diagnostics[:1]
        (edit,) = fix["edit"]["documentChanges"]
        assert edit["textDocument"] == {"uri": URI, "version": 4}
        assert edit["edits"][0]["newText"] == "good()\n"
        assert fix_all["kind"] == "source.fixAll.trainlint"
        safe = actions(client, 1, only=["quickfix"])[0]
        assert safe["isPreferred"] is True
        assert safe["edit"]["documentChanges"][0]["edits"][0]["range"]["start"] == {
            "line": 1,
            "character": 10,
        }
        assert actions(client, 3) == [fix_all]


@pytest.mark.parametrize(
    ("context", "kinds"),
    [
        ({}, {"quickfix", "source.fixAll.trainlint"}),
        ({"triggerKind": 1}, {"quickfix", "source.fixAll.trainlint"}),
        ({"triggerKind": 2}, {"quickfix"}),
        ({"only": ["quickfix"]}, {"quickfix"}),
        ({"only": ["source"]}, {"source.fixAll.trainlint"}),
        ({"only": ["source.fixAll"], "triggerKind": 2}, {"source.fixAll.trainlint"}),
        ({"only": ["refactor"]}, set()),
    ],
)
def test_only_what_is_asked_for_is_answered(context: dict[str, Any], kinds: set[str]) -> None:
    with Local() as client:
        client.initialize(capabilities(RESOLVES))
        client.open(URI, TEXT)
        next_published(client)
        assert {action["kind"] for action in actions(client, 0, **context)} == kinds


def test_fix_all_is_made_when_it_is_resolved_and_takes_safe_fixes_only() -> None:
    with Local() as client:
        client.initialize(capabilities(RESOLVES))
        client.open(URI, TEXT, version=2)
        next_published(client)
        (action,) = actions(client, 0, only=["source.fixAll.trainlint"])
        assert "edit" not in action
        resolved = client.call("codeAction/resolve", action)["result"]
        (document,) = resolved["edit"]["documentChanges"]
        assert document["textDocument"] == {"uri": URI, "version": 2}
        (edit,) = document["edits"]
        assert edit["range"] == {"start": {"line": 1, "character": 0}, "end": {"line": 3, "character": 0}}
        assert edit["newText"] == "x = '🔥'; tidy()\ntidy()\n"


def test_a_client_that_does_not_resolve_gets_the_edit_at_once() -> None:
    with Local() as client:
        client.initialize(capabilities(LITERALS))
        client.open(URI, TEXT)
        next_published(client)
        (action,) = actions(client, 0, only=["source.fixAll"])
        assert action["edit"]["documentChanges"][0]["edits"][0]["newText"] == "x = '🔥'; tidy()\ntidy()\n"


def test_fix_all_on_saving_right_after_typing_fixes_the_new_text() -> None:
    with Local() as client:
        client.initialize(capabilities(RESOLVES))
        client.open(URI, "x = 1\n")
        next_published(client)
        assert actions(client, 0, only=["source.fixAll"]) == []
        change(client, 2, insertion(0, 0, "sloppy()\n"))
        (action,) = actions(client, 0, only=["source.fixAll"])
        (document,) = client.call("codeAction/resolve", action)["result"]["edit"]["documentChanges"]
        assert document["textDocument"]["version"] == 2
        assert document["edits"][0]["newText"] == "tidy()\n"


def test_fix_all_never_holds_up_saving() -> None:
    with Local() as client:
        client.initialize(capabilities(RESOLVES))
        client.open(URI, "# sleep 600\nsloppy()\n")
        (action,) = actions(client, 0, only=["source.fixAll"])
        assert "edit" not in client.call("codeAction/resolve", action)["result"]


def test_no_fix_is_offered_for_another_text_than_the_one_it_was_made_for() -> None:
    with Local() as client:
        client.initialize(capabilities(RESOLVES))
        client.open(URI, TEXT)
        next_published(client)
        change(client, 2, insertion(0, 0, "# a line more\n"))
        assert actions(client, 0) == []
        assert actions(client, 1) == []
        next_published(client)
        assert titles(actions(client, 1))[0] == "Insert `good()` before `bad()`"
        change(client, 3, insertion(0, 0, "("))
        assert actions(client, 1) == []


def test_actions_answer_while_an_analysis_is_under_way() -> None:
    other = "file:///work/other.py"
    with Local() as client:
        client.initialize(capabilities(RESOLVES))
        client.open(URI, TEXT)
        next_published(client)
        client.open(other, "# sleep 600\n")
        assert actions(client, 0, only=["quickfix"]) != []


def test_a_client_without_action_literals_gets_none() -> None:
    with Local() as client:
        client.initialize()
        client.open(URI, TEXT)
        next_published(client)
        assert actions(client, 0) == []


def hover(client: Local, line: int, character: int) -> Any:
    params = {"textDocument": {"uri": URI}, "position": {"line": line, "character": character}}
    return client.call("textDocument/hover", params)["result"]


def test_hovering_a_finding_shows_its_rule() -> None:
    with Local() as client:
        client.initialize(capabilities(RESOLVES, {"contentFormat": ["markdown", "plaintext"]}))
        client.open(URI, "x = 1\nbad()\n# trainlint: ignore[TRN402]\n")
        next_published(client)
        shown = hover(client, 1, 0)
        assert shown["contents"] == {
            "kind": "markdown",
            "value": "**TRN101** `bad-call`\n\nSomething bad is called.\n\n## Why it matters\nIt is bad.",
        }
        assert shown["range"] == {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 5}}
        assert hover(client, 0, 0) is None
        code = hover(client, 2, 22)
        assert code["contents"]["value"].startswith("**TRN402** `sloppy-call`")
        assert code["range"] == {"start": {"line": 2, "character": 20}, "end": {"line": 2, "character": 26}}
        assert hover(client, 2, 3) is None
