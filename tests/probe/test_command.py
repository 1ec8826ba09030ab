"""``trainlint probe`` from the console: what it prints, what it asks, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures" / "probe"
UNPROTECTED = ("--no-sandbox", "--yes")

KEYS = [
    "version",
    "verdict",
    "reached",
    "steps",
    "limit",
    "sandbox",
    "parameters",
    "buffers",
    "loss",
    "optimizers",
    "schedules",
    "models",
    "clips",
    "findings",
    "stopped_by",
]
PARAMETER_KEYS = [
    "name",
    "model",
    "shape",
    "optimizers",
    "status",
    "fraction",
    "grad_norm",
    "update_norm",
    "weight_norm",
]


def trainlint(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainlint", "probe", *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False, cwd=cwd)


def test_the_json_has_its_keys_and_the_findings_of_check() -> None:
    script = FIXTURES / "status" / "unused.py"
    done = trainlint(str(script), "--output-format", "json", *UNPROTECTED)
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert list(report) == KEYS
    assert all(list(each) == PARAMETER_KEYS for each in report["parameters"])
    assert (report["version"], report["verdict"], report["steps"], report["limit"]) == (1, "partly", 2, None)
    assert (report["reached"], report["stopped_by"], report["sandbox"]["level"]) == ("step", "verdict", "none")
    statuses = {each["name"]: (each["model"], each["optimizers"], each["status"]) for each in report["parameters"]}
    assert statuses["model.spare.weight"] == ("model", ["optimizer"], "unused-in-forward")
    assert statuses["model.head.weight"] == ("model", ["optimizer"], "learned")
    (finding,) = report["findings"]
    assert (finding["code"], finding["source"], finding["path"]) == ("TRNP03", "probe", str(script))
    line = script.read_text().splitlines()[finding["range"]["start"]["line"] - 1]
    span = slice(finding["range"]["start"]["column"] - 1, finding["range"]["end"]["column"] - 1)
    assert line[span] == "optimizer.step()"


def test_the_script_gets_its_own_arguments_and_its_folder() -> None:
    people = FIXTURES / "people"
    done = trainlint(*UNPROTECTED, str(people / "arguments_given.py"), "--", "--data", "somewhere")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "Learning: all 2 parameters handed to `optimizer` learn.",
    )
    done = trainlint(*UNPROTECTED, str(people / "arguments.py"))
    assert done.returncode == 2
    assert "Pass the script's own arguments after `--`." in done.stdout


def test_a_relative_path_is_found_with_the_folder_it_is_relative_to(tmp_path: Path) -> None:
    script = str(FIXTURES / "people" / "relative_path.py")
    failed = trainlint(*UNPROTECTED, script, cwd=tmp_path)
    assert failed.returncode == 2
    assert f"`--cwd {FIXTURES / 'people'}`" in failed.stdout
    assert trainlint(*UNPROTECTED, "--cwd", str(FIXTURES / "people"), script, cwd=tmp_path).returncode == 0


def test_nothing_runs_unprotected_without_consent(tmp_path: Path) -> None:
    script, mark = tmp_path / "train.py", tmp_path / "it-ran"
    script.write_text(f"open({str(mark)!r}, 'w')\n")
    done = trainlint("--no-sandbox", str(script))
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert not mark.exists()
    assert trainlint(*UNPROTECTED, str(script)).returncode == 2
    assert mark.exists()


def test_in_the_sandbox_nothing_that_is_written_lasts(tmp_path: Path) -> None:
    kept, script = tmp_path / "kept.txt", tmp_path / "train.py"
    kept.write_text("mine")
    source = (FIXTURES / "status" / "learned.py").read_text()
    script.write_text(f"{source}\nopen('kept.txt', 'w').write('overwritten')\nopen('new.txt', 'w')\n")
    done = trainlint("--yes", "--cwd", str(tmp_path), str(script))
    assert done.returncode == 0, done.stdout
    assert kept.read_text() == "mine"
    assert {each.name for each in tmp_path.iterdir()} == {"kept.txt", "train.py"}


def test_the_sandbox_tells_its_level_and_why() -> None:
    done = trainlint("--show-sandbox")
    assert done.returncode == 0
    assert [line.partition(":")[0] for line in done.stdout.splitlines()[:2]] == ["level", "why"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "which script?"),
        (("nowhere.py",), "there is no file nowhere.py"),
        ((__file__, "--cwd", "nowhere"), "there is no folder nowhere"),
        ((__file__, "--timeout", "-1"), "-1 is no positive number"),
        ((__file__, "--memory", "much"), "much is no positive whole number"),
    ],
)
def test_bad_usage_is_one_sentence(arguments: tuple[str, ...], complaint: str) -> None:
    done = trainlint(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_notebook_is_no_script(tmp_path: Path) -> None:
    (tmp_path / "train.ipynb").write_text('{"cells": []}')
    done = trainlint("train.ipynb", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "train.ipynb is a notebook: export it" in done.stderr


def test_an_interrupt_ends_a_probe_with_a_sentence_and_leaves_no_process(tmp_path: Path) -> None:
    script, mark = tmp_path / "train.py", tmp_path / "it-runs"
    script.write_text(
        f"import os, time\nwith open({str(mark)!r}, 'w') as file:\n    file.write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    command = [sys.executable, "-m", "trainlint", "probe", *UNPROTECTED, str(script)]
    probe = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    waited = time.monotonic() + 60
    while not (mark.exists() and mark.read_text()) and time.monotonic() < waited:
        time.sleep(0.05)
    os.killpg(probe.pid, signal.SIGINT)
    told, errors = probe.communicate(timeout=60)
    assert probe.returncode == 2
    assert told.startswith("Not reached: it was stopped before torch was imported.")
    assert "Traceback" not in errors
    assert not psutil.pid_exists(int(mark.read_text()))
