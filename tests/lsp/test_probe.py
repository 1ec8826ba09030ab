"""The command `trainlint.probe` on the real server, with the real agent, sandbox and torch."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from lsprotocol.types import DiagnosticSeverity, ErrorCodes, LSPErrorCodes

from tests.lsp.raw import REAL, Raw
from tests.lsp.test_fixes import RESOLVES, capabilities

PROBE_SECONDS = 60
GONE_SECONDS = 30.0
TOKEN = "the-run"

FORGETS = """\
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs, targets = torch.randn(64, 4), torch.randn(64, 1)

for epoch in range(10):
    loss = nn.functional.mse_loss(model(inputs), targets)
    loss.backward()
    optimizer.step()

print("trained")
"""
LOOP = 7
"""Its line in `FORGETS`, from 0."""

ENDLESS = """\
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
import torch
print("written while it runs")
while True:
    try:
        time.sleep(600)
    except BaseException:
        pass
"""

FAILS = """\
import torch

torch.zeros(2).reshape(3)
"""


class Editor(Raw):
    """A client with one document; `run` marks every process that comes from its server."""

    def __init__(self, folder: Path, text: str, *, pulls: bool = False, saved: str | None = None, actions: object = None) -> None:
        self.run = uuid.uuid4().hex
        super().__init__(REAL, env={"TRAINLINT_TEST_RUN": self.run})
        path = folder / "train.py"
        path.write_text(text if saved is None else saved, "utf-8")
        self.folder = folder
        self.uri = path.as_uri()
        self.version = 1
        self.initialize(
            capabilities(actions) if actions else {"textDocument": {"diagnostic": {}}} if pulls else {},
            workspaceFolders=[{"uri": folder.as_uri(), "name": "work"}],
        )
        self.open(self.uri, text)

    def __enter__(self) -> Editor:
        return self

    def probe(self, **options: Any) -> int:
        argument = {
            "uri": self.uri,
            "python": sys.executable,
            "arguments": [],
            "cwd": None,
            "device": None,
            "network": False,
            "wall_s": PROBE_SECONDS,
            "memory_mb": None,
            "scratch_mb": 256,
            "workDoneToken": TOKEN,
            **options,
        }
        return self.request("workspace/executeCommand", {"command": "trainlint.probe", "arguments": [argument]})

    def report(self, **options: Any) -> dict[str, Any]:
        answer = self.answer(self.probe(**options), PROBE_SECONDS)
        assert "error" not in answer, answer
        return dict(answer["result"])

    def refusal(self, **options: Any) -> dict[str, Any]:
        return dict(self.answer(self.probe(**options), PROBE_SECONDS)["error"])

    def edit(self, line: int, character: int, text: str, end: tuple[int, int] | None = None) -> None:
        """Replace the text from a place to `end`, or insert there."""
        self.version += 1
        last, column = end or (line, character)
        place = {"start": {"line": line, "character": character}, "end": {"line": last, "character": column}}
        self.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": self.uri, "version": self.version},
                "contentChanges": [{"range": place, "text": text}],
            },
        )

    def shown(self) -> list[dict[str, Any]]:
        """What is pushed for the newest text, once it comes."""
        while True:
            params = self.wait_for("textDocument/publishDiagnostics", PROBE_SECONDS)["params"]
            if params["uri"] == self.uri and params.get("version") == self.version:
                return list(params["diagnostics"])

    def pulled(self, previous: str | None = None) -> dict[str, Any]:
        asked = {"textDocument": {"uri": self.uri}, "previousResultId": previous}
        return dict(self.call("textDocument/diagnostic", asked)["result"])

    def await_progress(self, words: str) -> list[str]:
        """Messages of the run up to the one that holds `words`."""
        said: list[str] = []
        while not said or words not in said[-1]:
            value = self.wait_for("$/progress", PROBE_SECONDS)["params"]["value"]
            said.append(value.get("message") or value["kind"])
        return said

    def running(self) -> list[str]:
        """Processes that come from the server, itself left out."""
        return [name for pid, name in _marked(self.run) if pid != self.process.pid]


def _marked(run: str) -> list[tuple[int, str]]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("TRAINLINT_TEST_RUN") == run and process.status() != psutil.STATUS_ZOMBIE:
                found.append((process.pid, " ".join(process.cmdline())))
    return found


def gone(processes: Callable[[], list[Any]]) -> bool:
    end = time.monotonic() + GONE_SECONDS
    while processes():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def by_source(diagnostics: list[dict[str, Any]]) -> dict[str, list[tuple[str, int]]]:
    found: dict[str, list[tuple[str, int]]] = {"trainlint": [], "trainlint probe": []}
    for each in diagnostics:
        found[each["source"]].append((each["code"], each["range"]["start"]["line"]))
    return found


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    with Editor(tmp_path, FORGETS) as client:
        client.shown()
        yield client


def test_what_a_run_shows_joins_the_diagnostics_until_its_code_changes(editor: Editor) -> None:
    asked = editor.probe()
    said = editor.await_progress("step seen")
    assert said[0] == "starting Python"
    assert "importing" in said
    assert said[-1] == "1 step seen"
    shown = editor.shown()
    joined = by_source(shown)
    assert shown[0]["message"].endswith("(confirmed by a run)")
    assert joined == {"trainlint": [("TRN101", 10)], "trainlint probe": []}, "the two are one finding"
    report = editor.answer(asked, PROBE_SECONDS)["result"]
    assert (report["version"], report["verdict"], report["steps"]) == (1, "learning", 2)
    assert {each["name"]: each["status"] for each in report["parameters"]} == {
        "model.weight": "learned",
        "model.bias": "learned",
    }
    (finding,) = report["findings"]
    assert (finding["code"], finding["source"]) == ("TRN101", "probe")
    assert finding["path"] == str(editor.folder / "train.py")

    editor.edit(12, 0, "# elsewhere\n")
    editor.edit(0, 0, "import os\n")
    (moved,) = editor.shown()
    assert (moved["code"], moved["range"]["start"]["line"]) == ("TRN101", 11)
    assert moved["message"].endswith("(confirmed by a run)")

    editor.edit(LOOP + 2, 0, "    optimizer.zero_grad()\n")
    assert editor.shown() == [], "the fix is made: neither the analysis nor the run of before speaks of it"


def test_editing_the_line_itself_drops_what_a_run_showed_there(editor: Editor) -> None:
    editor.report()
    editor.edit(10, 20, "  # again")
    (left,) = editor.shown()
    assert (left["code"], left["range"]["start"]["line"]) == ("TRN101", 10)
    assert "run" not in left["message"], "what the run showed is gone, what the analysis says is not"


CLEARED = FORGETS.replace(
    "for epoch", 'exec("optimizer.register_step_post_hook(lambda *given: optimizer.zero_grad())")\n\nfor epoch'
)
"""The optimizer clears by itself, out of sight of the analysis."""


def test_what_a_run_refutes_is_a_hint_until_its_code_changes(tmp_path: Path) -> None:
    with Editor(tmp_path, CLEARED) as editor:
        (before,) = editor.shown()
        assert (before["code"], before["severity"]) == ("TRN101", DiagnosticSeverity.Warning)
        asked = editor.probe()
        (hint,) = editor.shown()
        editor.answer(asked, PROBE_SECONDS)
        assert (hint["code"], hint["severity"]) == ("TRN101", DiagnosticSeverity.Hint)
        assert "a run refutes this" in hint["message"]
        editor.edit(0, 0, "import os\n")
        (moved,) = editor.shown()
        assert (moved["severity"], moved["range"]["start"]["line"]) == (DiagnosticSeverity.Hint, 13)
        editor.edit(11, 0, "    # in the loop\n")
        (again,) = editor.shown()
        assert (again["code"], again["severity"]) == ("TRN101", DiagnosticSeverity.Warning)
        assert "run" not in again["message"]


def test_a_client_that_pulls_gets_another_result_after_a_run(tmp_path: Path) -> None:
    with Editor(tmp_path, FORGETS, pulls=True) as editor:
        before = editor.pulled()
        assert editor.pulled(before["resultId"])["kind"] == "unchanged"
        editor.report()
        after = editor.pulled(before["resultId"])
        (confirmed,) = after["items"]
        assert confirmed["message"].endswith("(confirmed by a run)")
        assert editor.pulled(after["resultId"])["kind"] == "unchanged"

        editor.notify("textDocument/didClose", {"textDocument": {"uri": editor.uri}})
        editor.open(editor.uri, FORGETS)
        (open_again,) = editor.pulled()["items"]
        assert "run" not in open_again["message"]


def test_another_text_is_run_beside_the_document_and_nothing_else_changes(editor: Editor) -> None:
    fixed = FORGETS.replace("    loss.backward()", "    optimizer.zero_grad()\n    loss.backward()")
    argument = {"uri": editor.uri, "python": sys.executable, "text": fixed, "wall_s": PROBE_SECONDS}
    request = editor.request("workspace/executeCommand", {"command": "trainlint.verify", "arguments": [argument]})
    result = editor.answer(request, 2 * PROBE_SECONDS)["result"]
    assert len(result["before"]["findings"]) == 1
    assert result["after"]["findings"] == []
    assert "findings of the probe: 1 -> 0" in result["difference"]
    assert (editor.folder / "train.py").read_text("utf-8") == FORGETS


LEAVES_OUT = """\
import torch
from torch import nn

model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Softmax(dim=1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(3):
    x, y = torch.randn(4, 3), torch.randint(0, 2, (4,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
"""


def test_a_fix_that_is_made_when_it_is_chosen_is_tried_before_it_is_applied(tmp_path: Path) -> None:
    """What an editor does for "Apply fix and verify with a probe step": resolve, run both texts, ask."""
    with Editor(tmp_path, LEAVES_OUT, actions=RESOLVES) as editor:
        (found,) = editor.shown()
        place = {"textDocument": {"uri": editor.uri}, "range": found["range"], "context": {"diagnostics": [found]}}
        offered = editor.call("textDocument/codeAction", place)["result"]
        (fix,) = [action for action in offered if action["title"].startswith("Leave out")]
        assert "edit" not in fix, "it is made when it is asked for"
        (document,) = editor.call("codeAction/resolve", fix)["result"]["edit"]["documentChanges"]
        lines = LEAVES_OUT.splitlines()
        for edit in document["edits"]:
            start, end = edit["range"]["start"], edit["range"]["end"]
            assert start["line"] == end["line"]
            line = lines[start["line"]]
            lines[start["line"]] = line[: start["character"]] + edit["newText"] + line[end["character"] :]
        fixed = "\n".join([*lines, ""])
        assert fixed == LEAVES_OUT.replace(", nn.Softmax(dim=1)", "")
        argument = {"uri": editor.uri, "python": sys.executable, "text": fixed, "wall_s": PROBE_SECONDS}
        request = editor.request("workspace/executeCommand", {"command": "trainlint.verify", "arguments": [argument]})
        result = editor.answer(request, 2 * PROBE_SECONDS)["result"]
        assert result["before"]["verdict"] == result["after"]["verdict"] == "learning"
        assert result["difference"].startswith("before: ")
        assert (tmp_path / "train.py").read_text("utf-8") == LEAVES_OUT


def test_a_new_run_replaces_what_the_last_one_showed(editor: Editor) -> None:
    editor.report()
    editor.edit(LOOP + 1, 0, "    optimizer.zero_grad()\n")
    assert editor.shown() == []
    assert editor.report()["findings"] == []
    editor.edit(LOOP + 1, 0, "", end=(LOOP + 2, 0))
    assert by_source(editor.shown()) == {"trainlint": [("TRN101", 10)], "trainlint probe": []}


def test_the_unsaved_text_is_what_runs_under_the_name_of_its_file(tmp_path: Path) -> None:
    text = FORGETS + 'import helper\nassert __file__.endswith("train.py"), __file__\nassert helper.here, "😀"\n1 / 0\n'
    (tmp_path / "helper.py").write_text("import os\nhere = os.path.exists('helper.py')\n")
    text = text.replace("range(10)", "range(1)")
    with Editor(tmp_path, text, saved="raise SystemExit('the file on disk was run')\n") as editor:
        report = editor.report()
        assert "After 1 step" in report["findings"][0]["message"] or report["steps"] == 1
        (failed,) = [each for each in report["findings"] if each["code"] == "TRNP40"]
        assert "ZeroDivisionError" in failed["message"]
        assert failed["range"]["start"]["line"] == text.splitlines().index("1 / 0") + 1
        assert (tmp_path / "train.py").read_text().startswith("raise SystemExit")


def test_a_document_that_was_never_saved_runs_in_the_first_folder(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("7")
    with Editor(tmp_path, FORGETS) as editor:
        editor.uri = "untitled:Untitled-1"
        editor.open(editor.uri, f"rate = float(open('data.txt').read())\n{FORGETS}")
        editor.shown()
        asked = editor.probe()
        (confirmed,) = editor.shown()
        assert confirmed["range"]["start"]["line"] == 11
        assert confirmed["message"].endswith("(confirmed by a run)")
        report = editor.answer(asked, PROBE_SECONDS)["result"]
        assert report["steps"] == 2
        assert [each["path"] for each in report["findings"]] == [editor.uri]


def test_a_finding_in_another_open_file_is_shown_there(tmp_path: Path) -> None:
    steps = "def step(optimizer, loss):\n    loss.backward()\n    optimizer.step()\n"
    (tmp_path / "engine.py").write_text(steps)
    text = FORGETS.replace("    loss.backward()\n    optimizer.step()\n", "    step(optimizer, loss)\n")
    with Editor(tmp_path, "from engine import step\n" + text) as editor:
        engine = (tmp_path / "engine.py").as_uri()
        editor.open(engine, "# not saved yet\n" + steps)
        editor.probe()
        while True:
            shown = editor.wait_for("textDocument/publishDiagnostics", PROBE_SECONDS)["params"]
            if shown["uri"] == engine and by_source(shown["diagnostics"])["trainlint probe"]:
                break
        assert by_source(shown["diagnostics"])["trainlint probe"] == [("TRN101", 3)]
        editor.notify("textDocument/didClose", {"textDocument": {"uri": editor.uri}})
        while shown["uri"] != engine or by_source(shown["diagnostics"])["trainlint probe"]:
            shown = editor.wait_for("textDocument/publishDiagnostics")["params"]


def test_a_failing_script_is_answered_with_the_reason(tmp_path: Path) -> None:
    with Editor(tmp_path, FAILS) as editor:
        report = editor.report()
        assert (report["verdict"], report["reached"]) == ("failed", "torch")
        (finding,) = report["findings"]
        assert "RuntimeError" in finding["message"]
        assert finding["range"]["start"]["line"] == 3


@pytest.mark.parametrize("way", ["progress", "request"])
def test_cancel_ends_every_process_of_a_run(tmp_path: Path, way: str) -> None:
    with Editor(tmp_path, ENDLESS) as editor:
        asked = editor.probe()
        editor.await_progress("torch is imported")
        assert len(editor.running()) >= 3, "supervisor, script and its child"
        if way == "progress":
            editor.notify("window/workDoneProgress/cancel", {"token": TOKEN})
            report = editor.answer(asked, GONE_SECONDS)["result"]
            assert (report["verdict"], report["stopped_by"]) == ("unreached", "cancelled")
            assert editor.running() == [], "the answer comes when every process has ended"
        else:
            editor.notify("$/cancelRequest", {"id": asked})
            assert editor.answer(asked)["error"]["code"] == LSPErrorCodes.RequestCancelled
            assert gone(editor.running)
        editor.open("file:///elsewhere.py", "x = 1\n")
        published = editor.wait_for("textDocument/publishDiagnostics")["params"]
        assert published["uri"] == "file:///elsewhere.py", "a cancelled run shows nothing"


def test_one_probe_at_a_time(tmp_path: Path) -> None:
    with Editor(tmp_path, ENDLESS) as editor:
        first = editor.probe()
        editor.await_progress("torch is imported")
        refusal = editor.refusal(workDoneToken="another")
        assert refusal["code"] == LSPErrorCodes.RequestFailed
        assert refusal["message"] == "another probe is running: wait for it or cancel it"
        editor.notify("window/workDoneProgress/cancel", {"token": TOKEN})
        assert editor.answer(first, GONE_SECONDS)["result"]["stopped_by"] == "cancelled"
        editor.edit(0, 0, "raise SystemExit\n")
        assert editor.report()["stopped_by"] == "exit", "after it, the next one runs"


@pytest.mark.parametrize("end", ["shutdown", "stream", "kill"])
def test_no_process_outlives_the_server(tmp_path: Path, end: str) -> None:
    with Editor(tmp_path, ENDLESS) as editor:
        editor.probe()
        editor.await_progress("torch is imported")
        assert len(editor.running()) >= 3
        if end == "shutdown":
            editor.call("shutdown")
            editor.notify("exit")
        elif end == "stream":
            editor.hang_up()
        else:
            editor.process.kill()
        assert gone(lambda: _marked(editor.run))
        assert editor.exit_status() == {"shutdown": 0, "stream": 1, "kill": -9}[end]
        assert editor.stderr() == ""


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"uri": "file:///nowhere.py"}, LSPErrorCodes.RequestFailed, "`file:///nowhere.py` is not open"),
        ({"cwd": "/nowhere/at/all"}, LSPErrorCodes.RequestFailed, "there is no folder /nowhere/at/all"),
        ({"python": "/nowhere/python"}, LSPErrorCodes.RequestFailed, "/nowhere/python could not be started"),
        ({"wall_s": -1}, ErrorCodes.InvalidParams, "cannot use -1 as `wall_s`"),
        ({"arguments": "--epochs"}, ErrorCodes.InvalidParams, "cannot use '--epochs' as `arguments`"),
        ({"uri": None}, ErrorCodes.InvalidParams, "needs the `uri`"),
    ],
)
def test_what_cannot_be_probed_is_refused_in_words(editor: Editor, options: dict[str, Any], code: int, words: str) -> None:
    refusal = editor.refusal(**options)
    assert refusal["code"] == code
    assert words in refusal["message"]
    assert editor.running() == []
    assert editor.call("shutdown")["result"] is None
    editor.notify("exit")
    editor.exit_status()
    assert editor.stderr() == "", "a refusal is no defect of the server"


def test_comments_and_settings_silence_a_run_as_they_silence_the_analysis(tmp_path: Path) -> None:
    silenced = FORGETS.replace("optimizer.step()", "optimizer.step()  # trainlint: ignore[TRN101]")
    with Editor(tmp_path, silenced) as editor:
        assert [each["code"] for each in editor.report()["findings"]] == ["TRN101"]
        editor.edit(12, 0, "# elsewhere\n")
        assert editor.shown() == []
