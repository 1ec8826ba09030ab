"""Diagnostics, pushed and pulled, while documents are opened, typed in, saved and closed."""

from __future__ import annotations

import json
import queue
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from trainlint.lsp.schedule import Schedule
from trainlint.lsp.server import create

from tests.lsp.fake_server import RULES, check
from tests.lsp.raw import Local

URI = "file:///work/train.py"
PULLS = {
    "textDocument": {"diagnostic": {}},
    "workspace": {"diagnostics": {"refreshSupport": True}},
}


def change(client: Local, version: int, *changes: object, uri: str = URI) -> None:
    client.notify(
        "textDocument/didChange",
        {"textDocument": {"uri": uri, "version": version}, "contentChanges": list(changes)},
    )


def insertion(line: int, character: int, text: str) -> dict[str, Any]:
    place = {"line": line, "character": character}
    return {"range": {"start": place, "end": place}, "text": text}


def published(client: Local, seconds: float) -> list[dict[str, Any]]:
    """What is published within `seconds`."""
    shown: list[dict[str, Any]] = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            message = client.messages.get(timeout=left)
        except queue.Empty:
            break
        if message and message.get("method") == "textDocument/publishDiagnostics":
            shown.append(message["params"])
    return shown


def settled(client: Local) -> list[dict[str, Any]]:
    """What is published from now on, until nothing comes for a second."""
    shown = [next_published(client)]
    while more := published(client, 1.0):
        shown += more
    return shown


def next_published(client: Local) -> dict[str, Any]:
    shown: dict[str, Any] = client.wait_for("textDocument/publishDiagnostics")["params"]
    return shown


def codes(report: dict[str, Any], key: str = "diagnostics") -> list[str]:
    return [diagnostic["code"] for diagnostic in report[key]]


def pull(client: Local, previous: str | None = None, uri: str = URI) -> dict[str, Any]:
    params = {"textDocument": {"uri": uri}, "previousResultId": previous}
    report: dict[str, Any] = client.call("textDocument/diagnostic", params)["result"]
    return report


def test_diagnostics_are_pushed_with_the_version_they_belong_to() -> None:
    with Local() as client:
        client.initialize()
        client.open(URI, "bad()\n", version=7)
        first = next_published(client)
        assert (first["uri"], first["version"], codes(first)) == (URI, 7, ["TRN101"])
        change(client, 8, insertion(0, 0, "good()\n"))
        second = next_published(client)
        assert (second["version"], codes(second)) == (8, [])


def test_typing_a_line_never_empties_the_list() -> None:
    with Local() as client:
        client.initialize()
        client.open(URI, "for x in y:\n    bad()\n\nafter()\n")
        assert codes(next_published(client)) == ["TRN101"]
        shown = []
        for version, character in enumerate('    print("it\'s {x[0]}", end=")")', start=2):
            change(client, version, insertion(2, version - 2, character))
            shown += published(client, 0.02 if version % 6 else 0.3)
        shown += settled(client)
        assert len(shown) >= 2
        assert all(codes(one) == ["TRN101"] for one in shown)
        assert shown[-1]["version"] == version


def test_nothing_is_published_for_text_that_does_not_parse() -> None:
    with Local() as client:
        client.initialize()
        client.open(URI, "bad()\nx = (\n")
        assert published(client, 0.5) == []
        change(client, 2, insertion(1, 5, ")"))
        assert codes(next_published(client)) == ["TRN101"]
        change(client, 3, insertion(1, 6, " +"))
        assert published(client, 0.5) == []


def test_a_pause_is_needed_before_typing_is_analysed() -> None:
    with Local() as client:
        client.initialize()
        client.open(URI, "bad()\n")
        next_published(client)
        for version in range(2, 12):
            change(client, version, insertion(1, 0, "x\n"))
        assert [one["version"] for one in settled(client)] == [11]


def test_a_slow_analysis_is_stopped_by_the_next_change_and_never_shown() -> None:
    with Local() as client:
        client.initialize()
        client.open(URI, "# sleep 600\nbad()\n")
        time.sleep(0.3)
        change(client, 2, {"text": "bad()\n"})
        assert next_published(client)["version"] == 2


def test_a_thousand_rapid_changes_end_in_one_result() -> None:
    with Local() as client:
        client.initialize()
        client.open(URI, "bad()\n")
        next_published(client)
        for version in range(2, 1002):
            change(client, version, insertion(0, 0, "# 🔥\n" if version % 3 else "x = 1\n"))
        shown = next_published(client)
        while shown["version"] < 1001:
            shown = next_published(client)
        assert shown["diagnostics"][0]["range"]["start"] == {"line": 1000, "character": 0}
        assert published(client, 0.4) == []


@pytest.mark.asyncio
async def test_a_thousand_changes_leave_nothing_behind() -> None:
    server = create(check, RULES)
    written: list[bytes] = []
    server.protocol.set_writer(SimpleNamespace(write=written.append), include_headers=False)

    def receive(method: str, params: object, **rest: object) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params, **rest}
        server.protocol.handle_message(server.protocol.structure_message(message))

    receive("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, id=1)
    receive("initialized", {})
    item = {"uri": URI, "languageId": "python", "version": 1, "text": "bad()\n"}
    receive("textDocument/didOpen", {"textDocument": item})
    for version in range(2, 1002):
        identifier = {"uri": URI, "version": version}
        receive(
            "textDocument/didChange",
            {"textDocument": identifier, "contentChanges": [insertion(0, 0, "x\n")]},
        )
    await server.schedule.settle(URI)
    assert not server.protocol._request_futures
    assert not server.protocol._result_types
    shown = [json.loads(message) for message in written if b"publishDiagnostics" in message]
    assert [one["params"]["version"] for one in shown] == [1001]
    result = server.session.last_result(URI)
    assert result
    assert result.document.text == "x\n" * 1000 + "bad()\n"
    server.stop()


def test_closing_clears_and_forgets() -> None:
    with Local() as client:
        client.initialize()
        client.open(URI, "bad()\n")
        next_published(client)
        client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        assert next_published(client)["diagnostics"] == []
        change(client, 9, insertion(0, 0, "bad()\n"))
        assert published(client, 0.5) == []


def test_closing_during_an_analysis_shows_nothing_more() -> None:
    with Local() as client:
        client.initialize()
        client.open(URI, "# sleep 0.3\nbad()\n")
        client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        assert [codes(one) for one in settled(client)] == [[]]


@pytest.mark.parametrize(
    ("uri", "language"),
    [
        ("file:///work/notes.md", "markdown"),
        ("vscode-notebook-cell:/work/a.ipynb#X0", "python"),
    ],
)
def test_what_is_no_python_document_is_left_alone(uri: str, language: str) -> None:
    with Local() as client:
        client.initialize()
        client.open(uri, "bad()\n", language=language)
        change(client, 2, insertion(0, 0, "x\n"), uri=uri)
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        assert published(client, 0.5) == []


def test_an_untitled_document_is_checked() -> None:
    with Local() as client:
        client.initialize()
        client.open("untitled:Untitled-1", "bad()\n")
        shown = next_published(client)
        assert (shown["uri"], codes(shown)) == ("untitled:Untitled-1", ["TRN101"])


@pytest.mark.parametrize("text", ["x = 1\n" * 20_001, "#" * 1_000_001], ids=["lines", "characters"])
def test_huge_documents_are_left_out(text: str) -> None:
    with Local() as client:
        client.initialize()
        client.open(URI, text + "bad()\n")
        assert next_published(client)["diagnostics"] == []


def test_the_encoding_of_places_is_the_one_the_client_prefers() -> None:
    for encodings, character in ((["utf-8", "utf-16"], 12), (["utf-32"], 9), (["utf-16"], 10), (None, 10)):
        with Local() as client:
            answer = client.initialize({"general": {"positionEncodings": encodings}})
            assert answer["result"]["capabilities"]["positionEncoding"] == (encodings or ["utf-16"])[0]
            client.open(URI, 's = "🔥"; bad()\n')
            start = next_published(client)["diagnostics"][0]["range"]["start"]
            assert start == {"line": 0, "character": character}
            change(client, 2, insertion(0, character, "good();"))
            assert next_published(client)["diagnostics"] == []


def test_a_client_that_pulls_is_never_pushed_to() -> None:
    with Local() as client:
        provider = client.initialize(PULLS)["result"]["capabilities"]["diagnosticProvider"]
        assert provider == {
            "identifier": "trainlint",
            "interFileDependencies": True,
            "workspaceDiagnostics": False,
        }
        client.open(URI, "bad()\n")
        assert codes(pull(client), "items") == ["TRN101"]
        change(client, 2, insertion(0, 0, "good()\n"))
        assert published(client, 0.6) == []
        assert pull(client)["items"] == []
        client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        assert published(client, 0.3) == []
        assert pull(client) == {"kind": "full", "items": []}


def test_a_client_that_does_not_pull_is_not_asked_to() -> None:
    with Local() as client:
        assert "diagnosticProvider" not in client.initialize()["result"]["capabilities"]


def test_a_pull_does_not_wait_for_a_pause_in_typing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Schedule.__init__, "__defaults__", (600.0,))
    with Local() as client:
        client.initialize(PULLS)
        client.open(URI, "x\n")
        for version in range(2, 22):
            change(client, version, {"text": "bad()\n" * version})
            assert len(pull(client)["items"]) == version


def test_an_unchanged_document_is_reported_as_such() -> None:
    with Local() as client:
        client.initialize(PULLS)
        client.open(URI, "bad()\n")
        first = pull(client)
        assert pull(client, first["resultId"]) == {"kind": "unchanged", "resultId": first["resultId"]}
        assert pull(client, "another")["kind"] == "full"
        change(client, 2, insertion(0, 0, "x\n"))
        second = pull(client, first["resultId"])
        assert second["kind"] == "full"
        assert second["resultId"] != first["resultId"]
        change(client, 3, insertion(0, 1, " = ("))
        broken = pull(client, second["resultId"])
        assert broken == {"kind": "unchanged", "resultId": second["resultId"]}
        assert codes(pull(client), "items") == ["TRN101"]


def test_one_analysis_serves_all_who_wait() -> None:
    with Local() as client:
        client.initialize(PULLS)
        client.open(URI, "# sleep 1\nbad()\n")
        params = {"textDocument": {"uri": URI}}
        started = time.monotonic()
        pulls = [client.request("textDocument/diagnostic", params) for _ in range(5)]
        assert [codes(client.answer(one)["result"], "items") for one in pulls] == [["TRN101"]] * 5
        assert time.monotonic() - started < 5


def test_a_pull_that_is_overtaken_by_a_change_answers_for_the_new_text() -> None:
    with Local() as client:
        client.initialize(PULLS)
        client.open(URI, "# sleep 600\nbad()\n")
        waiting = client.request("textDocument/diagnostic", {"textDocument": {"uri": URI}})
        time.sleep(0.1)
        change(client, 2, {"text": "good()\n"})
        assert client.answer(waiting)["result"]["items"] == []


def test_documents_that_depend_on_another_follow_it(tmp_path: Path) -> None:
    first, other = (tmp_path / "first.py").as_uri(), (tmp_path / "other.py").as_uri()
    with Local() as client:
        client.initialize()
        client.open(other, "x = 1\n")
        client.open(first, "# needs other.py\n")
        assert [codes(next_published(client)) for _ in range(2)] == [[], []]
        change(client, 2, {"text": "bad()\n"}, uri=other)
        shown = {one["uri"]: codes(one) for one in settled(client)}
        assert shown == {first: ["TRN101"], other: ["TRN101"]}
        client.notify("textDocument/didClose", {"textDocument": {"uri": other}})
        shown = {one["uri"]: codes(one) for one in settled(client)}
        assert shown == {first: [], other: []}


def test_a_client_that_pulls_is_told_to_come_again_for_dependents(tmp_path: Path) -> None:
    first, other = (tmp_path / "first.py").as_uri(), (tmp_path / "other.py").as_uri()
    with Local() as client:
        client.initialize(PULLS)
        client.open(other, "x = 1\n")
        client.open(first, "# needs other.py\n")
        before = pull(client, uri=first)
        assert before["items"] == []
        for version in range(2, 6):
            change(client, version, {"text": f"bad()  # {version}\n"}, uri=other)
        client.wait_for("workspace/diagnostic/refresh")
        assert codes(pull(client, before["resultId"], uri=first), "items") == ["TRN101"]
        assert all(message.get("method") is None for message in drained(client))


def drained(client: Local) -> list[dict[str, Any]]:
    time.sleep(0.4)
    messages = []
    while not client.messages.empty():
        message = client.messages.get()
        assert message
        messages.append(message)
    return messages
