"""The parent's side: limits, cancelling, one at a time, and agents that never answer."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from trainlint.cancel import CancelFlag
from trainlint.probe import client
from trainlint.probe.client import ProbeBusy, ProbeError, Request, Tail, environment, probe
from trainlint.probe.protocol import Progress
from trainlint.probe.sandbox import Level, Plan
from trainlint.probe.status import Verdict

TRAINS = """
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    optimizer.zero_grad()
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
"""


def script(tmp_path: Path, text: str) -> Request:
    path = tmp_path / "train.py"
    path.write_text(text)
    return Request(str(path), level=Level.NONE)


def with_(request: Request, **changes: object) -> Request:
    return replace(request, **changes)  # type: ignore[arg-type]


def test_progress_is_told_in_the_order_in_which_it_happens(tmp_path: Path) -> None:
    events: list[Progress] = []
    report = probe(script(tmp_path, TRAINS), events.append)
    assert report.verdict is Verdict.LEARNING
    kinds = [event.kind for event in events]
    assert kinds[:6] == ["start", "torch", "optimizer", "forward", "backward", "step"]
    assert [event.line for event in events if event.kind == "optimizer"] == [4]
    times = [event.at_s for event in events]
    assert times == sorted(times)


def test_the_unsaved_text_is_run_in_the_place_of_the_file(tmp_path: Path) -> None:
    request = script(tmp_path, "raise SystemExit('the file')\n")
    report = probe(with_(request, text=TRAINS.replace("    optimizer.step()\n", "")))
    assert report.verdict is Verdict.NOT_LEARNING
    (finding,) = report.findings
    assert (finding.code, finding.span.start.line, finding.path) == ("TRN104", 7, request.script)


def test_what_the_script_writes_to_the_agents_descriptors_is_no_answer(tmp_path: Path) -> None:
    noise = """
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, b'{"method": "result", "params": {}}\\nnoise\\n')
    except OSError:
        pass
"""
    assert probe(script(tmp_path, noise + TRAINS)).verdict is Verdict.LEARNING


def test_cancelling_answers_with_what_was_seen(tmp_path: Path) -> None:
    flag = CancelFlag()
    request = script(tmp_path, "import time\nprint('waiting')\ntime.sleep(600)\n")

    def cancel(event: Progress) -> None:
        flag.cancel()

    started = time.monotonic()
    report = probe(request, cancel, flag)
    assert time.monotonic() - started < 10
    assert (report.verdict, report.stopped_by) == (Verdict.UNREACHED, "cancelled")


def test_only_one_probe_runs_at_a_time(tmp_path: Path) -> None:
    flag, running = CancelFlag(), threading.Event()
    request = script(tmp_path, "import time\ntime.sleep(600)\n")
    first = threading.Thread(target=probe, args=(request, lambda event: running.set(), flag))
    first.start()
    try:
        assert running.wait(30)
        with pytest.raises(ProbeBusy, match="another probe is running"):
            probe(request)
    finally:
        flag.cancel()
        first.join(30)
    assert not first.is_alive()


def test_code_that_never_lets_go_is_ended_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "READY_S", 2.0)
    monkeypatch.setattr(client, "GRACE_S", 1.0)
    holds = "import ctypes\nctypes.PyDLL(None).sleep(600)\n"
    started = time.monotonic()
    report = probe(with_(script(tmp_path, holds), wall_s=1.0))
    assert time.monotonic() - started < 20
    assert (report.verdict, report.limit, report.stopped_by) == (Verdict.UNREACHED, "wall-time", "limit")
    assert "--timeout" in report.advice


def test_memory_has_a_limit(tmp_path: Path) -> None:
    eats = "import time\nkept = []\nwhile True:\n    kept.append(b'x' * 50_000_000)\n    time.sleep(0.02)\n"
    report = probe(with_(script(tmp_path, eats), memory_mb=500))
    assert (report.verdict, report.limit) == (Verdict.UNREACHED, "memory")
    assert "500 MB of memory were not enough" in report.sentence
    assert "--memory" in report.advice


def test_what_is_written_has_a_limit(tmp_path: Path) -> None:
    writes = (
        "import time\nwith open('big', 'wb') as file:\n    while True:\n"
        "        file.write(b'x' * 5_000_000)\n        time.sleep(0.02)\n"
    )
    report = probe(with_(script(tmp_path, writes), scratch_mb=100, cwd=str(tmp_path), level=None))
    assert (report.verdict, report.limit) == (Verdict.UNREACHED, "scratch")
    assert "it wrote more than 100 MB" in report.sentence
    assert "--scratch" in report.advice
    assert not (tmp_path / "big").exists()


def test_an_interpreter_that_is_none_is_refused_in_a_sentence(tmp_path: Path) -> None:
    request = script(tmp_path, TRAINS)
    with pytest.raises(ProbeError, match="could not be started"):
        probe(with_(request, python=str(tmp_path / "no-python")))
    not_python = tmp_path / "not-python"
    not_python.write_text("#!/bin/sh\necho 'I am no Python' >&2\nexit 1\n")
    not_python.chmod(0o755)
    with pytest.raises(ProbeError, match="did not start the agent: I am no Python"):
        probe(with_(request, python=str(not_python)))


def test_the_cpu_alone_hides_every_accelerator() -> None:
    changed = environment(Request("train.py", device="cpu", environment={"MINE": "1"}))
    assert (changed["CUDA_VISIBLE_DEVICES"], changed["MINE"], changed["MPLBACKEND"]) == ("", "1", "Agg")


def test_what_the_arguments_name_may_be_written_to() -> None:
    request = Request("train.py", arguments=("--out=/data/x", "../runs/1", "--epochs", "3"), cwd="/home/me")
    assert client.named_paths(request) == ["/home/me/--out=/data/x", "/data/x", "/home/me/../runs/1"]


def test_the_level_is_chosen_for_the_folder_in_which_the_script_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def choose(forced: Level | None, *, network: bool, cwd: str) -> Plan:
        asked.append(cwd)
        return real(Level.NONE, network=network, cwd=cwd)

    real = client.choose
    monkeypatch.setattr(client, "choose", choose)
    probe(with_(script(tmp_path, "pass\n"), cwd=str(tmp_path)))
    assert asked == [str(tmp_path)]


def test_only_the_end_of_an_endless_output_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_bytes(b"".join(b"%06d\n" % number for number in range(20_000)))
    tail = Tail(70)
    with path.open("rb") as stream:
        tail.drain(stream)
    assert tail.text().split() == [f"{number:06d}" for number in range(19_990, 20_000)]


def test_the_interpreter_may_be_another_one(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    report = probe(with_(script(tmp_path, "import sys\nassert sys.executable.endswith('/python')\n"), python=str(link)))
    assert report.stopped_by == "script-ended"
