"""The server as a process: every way it ends, what reaches its streams, and what it must not import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from trainlint.lsp.process import drop_working_directory

from tests.lsp.raw import FAKE, REAL, Raw, framed

URI = "file:///work/train.py"
LITERALS = {"textDocument": {"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}}}}
PULLS = {"textDocument": {"diagnostic": {}}}


def test_exit_after_shutdown_is_clean() -> None:
    with Raw(FAKE) as client:
        client.initialize()
        assert client.call("shutdown")["result"] is None
        client.notify("exit")
        assert client.exit_status() == 0
        assert client.stderr() == ""


def test_exit_without_shutdown_is_a_failure() -> None:
    with Raw(FAKE) as client:
        client.initialize()
        client.notify("exit")
        assert client.exit_status() == 1


def test_the_end_of_the_stream_ends_the_server() -> None:
    with Raw(FAKE) as client:
        client.initialize()
        client.hang_up()
        assert client.exit_status() == 1
        assert client.stderr() == ""


def test_a_stream_that_ends_inside_a_message_ends_the_server() -> None:
    with Raw(FAKE) as client:
        client.initialize()
        client.write(b'Content-Length: 100\r\n\r\n{"jsonrpc"')
        client.hang_up()
        assert client.exit_status() == 1


@pytest.mark.parametrize("end", ["exit", "eof"])
def test_an_analysis_that_hangs_keeps_no_process(end: str) -> None:
    with Raw(FAKE) as client:
        client.initialize()
        client.open(URI, "# hang\n")
        time.sleep(0.3)
        if end == "exit":
            client.call("shutdown")
            client.notify("exit")
        else:
            client.hang_up()
        assert client.exit_status() == (0 if end == "exit" else 1)


def test_a_client_that_no_longer_reads_ends_the_server() -> None:
    ours, theirs = os.pipe()
    with subprocess.Popen(FAKE, stdin=subprocess.PIPE, stdout=theirs, stderr=subprocess.PIPE) as server:
        try:
            os.close(theirs)
            assert server.stdin
            server.stdin.write(framed(initialize(None)))
            server.stdin.flush()
            assert b"Content-Length" in os.read(ours, 1000)
            os.close(ours)
            server.stdin.write(framed({"jsonrpc": "2.0", "method": "initialized", "params": {}}))
            server.stdin.flush()
            assert server.wait(10) == 1
        finally:
            server.kill()


def initialize(client: int | None) -> dict[str, Any]:
    params = {"processId": client, "rootUri": None, "capabilities": {}}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


PARENT = """
import subprocess, sys, time
server = subprocess.Popen(sys.argv[3:], stdin=int(sys.argv[1]), stdout=int(sys.argv[2]))
print(server.pid, flush=True)
time.sleep(600)
"""


def test_the_server_ends_when_its_client_is_killed_and_the_stream_stays_open() -> None:
    reader, writer = os.pipe()
    answers, answer = os.pipe()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(reader), str(answer), *FAKE],
        stdout=subprocess.PIPE,
        pass_fds=[reader, answer],
    )
    try:
        assert parent.stdout
        server = psutil.Process(int(parent.stdout.readline()))
        os.write(writer, framed(initialize(parent.pid)))
        assert b"Content-Length" in os.read(answers, 1000)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        psutil.wait_procs([server], timeout=60)
        if server.is_running():
            assert server.status() == psutil.STATUS_ZOMBIE, "the server outlives its client"
    finally:
        parent.kill()
        for end in (reader, writer, answers, answer):
            os.close(end)


def test_an_interrupt_ends_the_server_quietly() -> None:
    with Raw(REAL) as client:
        client.initialize()
        client.process.send_signal(signal.SIGINT)
        assert client.exit_status() == 130
        assert client.stderr() == ""


def test_what_the_analysis_prints_goes_to_stderr() -> None:
    with Raw(FAKE) as client:
        client.initialize()
        client.open(URI, "# print\nbad()\n")
        shown = client.wait_for("textDocument/publishDiagnostics")["params"]
        assert [diagnostic["code"] for diagnostic in shown["diagnostics"]] == ["TRN101"]
        client.call("shutdown")
        client.notify("exit")
        assert client.exit_status() == 0
        assert "printed by the analysis" in client.stderr()
        assert "written by the analysis" in client.stderr()


def test_garbage_between_messages_is_passed_over() -> None:
    with Raw(FAKE) as client:
        client.write(b"hello\r\n\r\nContent-Length: nonsense\r\n\r\n")
        client.write(b"Content-Length: 9\r\n\r\n{not json")
        client.send([1, 2])
        client.send({"jsonrpc": "1.0", "id": 5, "method": "initialize"})
        assert client.initialize()["result"]["serverInfo"]["name"] == "trainlint"
        client.send({"jsonrpc": "2.0", "id": 77, "method": "textDocument/hover", "params": {"nonsense": True}})
        assert client.answer(77)["error"]["code"] == -32602
        client.notify("textDocument/didOpen", {"textDocument": 1})
        assert client.call("trainlint/unknown")["error"]["code"] == -32601
        client.notify("$/unknown")
        client.open(URI, "bad()\n")
        assert client.wait_for("textDocument/publishDiagnostics")["params"]["uri"] == URI


def test_requests_out_of_season_are_refused() -> None:
    with Raw(FAKE) as client:
        params = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}
        assert client.call("textDocument/hover", params)["error"]["code"] == -32002
        client.initialize()
        assert "error" in client.call("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        assert client.call("textDocument/hover", params)["result"] is None
        client.call("shutdown")
        assert client.call("textDocument/hover", params)["error"]["code"] == -32600


def test_a_cancelled_pull_is_answered_as_such_and_the_next_one_served() -> None:
    with Raw(FAKE) as client:
        client.initialize(PULLS)
        client.open(URI, "# sleep 1\nbad()\n")
        params = {"textDocument": {"uri": URI}}
        first, second = client.request("textDocument/diagnostic", params), 0
        client.notify("$/cancelRequest", {"id": first})
        assert client.answer(first)["error"]["code"] == -32800
        second = client.request("textDocument/diagnostic", params)
        assert [item["code"] for item in client.answer(second)["result"]["items"]] == ["TRN101"]
        client.notify("$/cancelRequest", {"id": second})
        client.notify("$/cancelRequest", {"id": 4711})
        assert client.call("shutdown")["result"] is None


def test_shutdown_answers_while_analyses_and_requests_are_under_way() -> None:
    with Raw(FAKE) as client:
        client.initialize(PULLS)
        pulls = []
        for number in range(5):
            client.open(f"{URI}{number}", "# sleep 600\nbad()\n")
            pulls.append(client.request("textDocument/diagnostic", {"textDocument": {"uri": f"{URI}{number}"}}))
        assert client.call("shutdown")["result"] is None
        client.notify("exit")
        assert client.exit_status() == 0


def test_a_crash_of_the_analysis_leaves_what_was_known() -> None:
    with Raw(FAKE) as client:
        client.initialize(PULLS)
        client.open(URI, "bad()\n")
        params = {"textDocument": {"uri": URI}}
        before = client.call("textDocument/diagnostic", params)["result"]
        change = {"text": "bad()\n# crash\n"}
        client.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [change]},
        )
        after = client.call("textDocument/diagnostic", {**params, "previousResultId": before["resultId"]})["result"]
        assert after == {"kind": "unchanged", "resultId": before["resultId"]}
        client.call("shutdown")
        client.notify("exit")
        assert client.exit_status() == 0
        assert "RuntimeError: as the text says" in client.stderr()


TRAPS = ["typing", "json", "asyncio", "argparse", "logging", "torch", "tensorflow", "libcst", "lsprotocol"]


@pytest.mark.parametrize("command", [REAL, [sys.executable, "-m", "trainlint", "server"]], ids=["script", "module"])
def test_nothing_of_the_workspace_is_imported(tmp_path: Path, command: list[str]) -> None:
    for name in TRAPS:
        (tmp_path / f"{name}.py").write_text("open(__file__ + '.ran', 'w').close()\n")
    text = "import torch\nimport typing\noptimizer.step\nopt = torch.optim.SGD(m.parameters(), lr=0)\n"
    with Raw(command, cwd=tmp_path) as client:
        client.initialize(rootUri=tmp_path.as_uri())
        client.open((tmp_path / "train.py").as_uri(), text)
        assert client.wait_for("textDocument/publishDiagnostics")["params"]["diagnostics"] != []
        client.call("shutdown")
        client.notify("exit")
        assert client.exit_status() == 0
        assert client.stderr() == ""
    assert list(tmp_path.glob("*.ran")) == []


def test_the_frameworks_of_the_user_are_never_imported(tmp_path: Path) -> None:
    for name in ("torch", "tensorflow", "jax", "lightning"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')\n")
    with Raw(REAL, env={"PYTHONPATH": str(tmp_path)}) as client:
        client.initialize()
        client.open(URI, "import torch, tensorflow, jax, lightning\ntorch.optim.SGD(m.parameters(), lr=0.0)\n")
        assert client.wait_for("textDocument/publishDiagnostics")["params"]["diagnostics"] != []
        client.call("shutdown")
        client.notify("exit")
        assert client.exit_status() == 0


@pytest.mark.parametrize("arguments", [["--stdio"], []])
def test_the_command_takes_stdio(arguments: list[str]) -> None:
    with Raw([*REAL, *arguments]) as client:
        assert client.initialize()["result"]["serverInfo"]["name"] == "trainlint"


def test_the_command_refuses_what_it_does_not_know() -> None:
    ended = subprocess.run([*REAL, "--socket", "1"], capture_output=True, timeout=60)
    assert ended.returncode == 2
    assert b"--socket" in ended.stderr


def test_the_working_directory_leaves_the_import_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    paths = ["", ".", str(tmp_path), "/usr/lib/python3", str(tmp_path / "lib")]
    drop_working_directory(paths)
    assert paths == ["/usr/lib/python3", str(tmp_path / "lib")]


def test_the_working_directory_stays_where_trainlint_is_imported_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import trainlint

    home = str(Path(trainlint.__file__).parent.parent)
    monkeypatch.chdir(home)
    paths = [home, "/usr/lib/python3"]
    drop_working_directory(paths)
    assert paths == [home, "/usr/lib/python3"]
