"""A watched run is the user's run: the same output, the same status, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures" / "probe"
TRACED = FIXTURES / "watch" / "traced.py"
TRAINLINT = [sys.executable, "-m", "trainlint"]


def run(*command: str, text: str = "a line\n") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def alone() -> subprocess.CompletedProcess[str]:
    return run(sys.executable, str(TRACED), "0")


@pytest.fixture(scope="module")
def watched() -> subprocess.CompletedProcess[str]:
    return run(*TRAINLINT, "watch", str(TRACED), "--", "0")


def test_the_run_prints_the_same_to_the_last_bit(
    alone: subprocess.CompletedProcess[str], watched: subprocess.CompletedProcess[str]
) -> None:
    assert watched.stdout == alone.stdout
    assert "read a line" in watched.stdout
    assert len(re.findall(r"0x1\.", watched.stdout)) == 20


def test_no_hook_no_patch_and_no_copy_is_left(watched: subprocess.CompletedProcess[str]) -> None:
    for line in (
        "step hooks 0",
        "forward hooks 0",
        "modes 0",
        "patches []",
        "anywhere in torch []",
        "finders []",
        "name __main__",
    ):
        assert line in watched.stdout.splitlines()


def test_the_report_goes_to_standard_error_beside_the_script_s_own_words(
    watched: subprocess.CompletedProcess[str],
) -> None:
    assert "Learning: all 4 parameters handed to `optimizer` learn." in watched.stderr
    assert "to standard error" in watched.stderr
    assert watched.returncode == 0


def test_the_script_s_own_status_comes_first() -> None:
    done = run(*TRAINLINT, "watch", str(TRACED), "--", "7")
    assert done.returncode == 7
    assert "argv ['7']" in done.stdout


def test_a_script_that_fails_fails_as_ever() -> None:
    script = str(FIXTURES / "watch" / "raises.py")
    alone, watched = run(sys.executable, script), run(*TRAINLINT, "watch", script)
    assert watched.returncode == alone.returncode == 1
    assert "Learning: all 2 parameters" in watched.stderr
    assert watched.stderr.endswith(alone.stderr[alone.stderr.index("Traceback") :])


def test_what_does_not_learn_is_told_by_the_status_and_the_report_as_json() -> None:
    done = run(*TRAINLINT, "watch", "--output-format", "json", str(FIXTURES / "status" / "cleared_before_step.py"))
    report = json.loads(done.stderr)
    assert done.returncode == 1
    assert report["verdict"] == "not-learning"
    assert report["sandbox"] is None
    assert [finding["code"] for finding in report["findings"]] == ["TRN103"]


def test_a_script_that_trains_nothing_is_not_called_good() -> None:
    done = run(*TRAINLINT, "watch", str(FIXTURES / "people" / "no_torch.py"))
    assert (done.returncode, done.stdout) == (2, "45\n")
    assert "Not reached" in done.stderr


def test_an_interrupt_ends_the_script_as_an_interrupt_does(tmp_path: Path) -> None:
    script = tmp_path / "waits.py"
    script.write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    heeds = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", heeds, *TRAINLINT, "watch", str(script)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert time.monotonic() - started < 10
    assert process.returncode == 128 + signal.SIGINT
    assert b"KeyboardInterrupt" in told
