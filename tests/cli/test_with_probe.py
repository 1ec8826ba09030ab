"""``trainlint check --with-probe``: findings of the analysis in the state that a real run leaves them in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from trainlint.cli import main
from trainlint.commands import probed
from trainlint.probe.failures import Setting
from trainlint.probe.observation import Observation
from trainlint.probe.spans import Sources
from trainlint.probe.verdict import Circumstances, conclude

from tests.cli.console import trainlint

FORGETS = """\
import sys

import torch
from torch import nn

assert sys.argv[1:] == ["--epochs", "3"]
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs, targets = torch.randn(64, 4), torch.randn(64, 1)

for epoch in range(10):
    loss = nn.functional.mse_loss(model(inputs), targets)
    loss.backward()
    optimizer.step()
"""
HIDDEN = FORGETS.replace(
    "for epoch", 'exec("optimizer.register_step_post_hook(lambda *given: optimizer.zero_grad())")\nfor epoch'
)
LARGE = (
    FORGETS.replace("lr=0.1", "lr=100.0")
    .replace("4", "16")
    .replace("    loss.backward", "    optimizer.zero_grad()\n    loss.backward")
)
RUN = ("--yes", "--python", sys.executable, "--", "--epochs", "3")


def test_a_confirmed_finding_is_one_finding(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(FORGETS)
    told = trainlint("check", "--with-probe", "train.py", *RUN, cwd=tmp_path)
    assert told.status == 1
    assert "missing-zero-grad, confirmed by a run" in told.out
    assert "note: train.py:14:5: seen in a run: " in told.out
    assert told.out.count("TRN101") == 1
    assert "Found 1 mistake in 1 file" in told.out
    assert "probed train.py: Learning: all 2 parameters" in told.err


def test_a_refuted_finding_is_no_mistake_and_json_tells_its_state(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(HIDDEN)
    told = trainlint("check", "--with-probe", "train.py", "--output-format", "json", *RUN, cwd=tmp_path)
    assert told.status == 0
    (finding,) = json.loads(told.out)["findings"]
    assert (finding["code"], finding["state"], finding["severity"]) == ("TRN101", "withdrawn", "info")
    assert "a run refutes this" in finding["message"]
    assert finding["fixes"] == []
    text = trainlint("check", "--with-probe", "train.py", *RUN, cwd=tmp_path)
    assert "missing-zero-grad, withdrawn by a run" in text.out
    assert "No mistakes found in 1 file with training code. A run refutes 1 more." in text.out


def test_what_only_the_run_shows_is_added_and_settings_silence_it(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(LARGE)
    told = trainlint("check", "--with-probe", "train.py", "--output-format", "json", "--ignore", "TRN402", *RUN, cwd=tmp_path)
    found = {(finding["code"], finding["source"]) for finding in json.loads(told.out)["findings"]}
    assert ("TRNP21", "probe") in found
    silent = trainlint("check", "--with-probe", "train.py", "--ignore", "TRN402,TRNP", *RUN, cwd=tmp_path)
    assert "TRNP21" not in silent.out


def test_usage(tmp_path: Path) -> None:
    missing = trainlint("check", "--with-probe", "nowhere.py", cwd=tmp_path)
    assert (missing.status, "nowhere.py" in missing.err) == (2, True)
    (tmp_path / "train.py").write_text(FORGETS)
    both = trainlint("check", "--fix", "--with-probe", "train.py", cwd=tmp_path)
    assert (both.status, "neither --fix nor --diff" in both.err) == (2, True)


def test_a_defect_of_the_run_is_told_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = str(tmp_path / "train.py")
    (tmp_path / "train.py").write_text(FORGETS)
    around = Circumstances(Setting(script, str(tmp_path)), Sources(script), fault="Traceback: a defect")
    report = conclude(Observation("torch", "fault", 0.1), around)
    monkeypatch.setattr(probed, "probe", lambda *given: report)
    assert main(["check", "--with-probe", script, "--yes"]) == 2
    told = capsys.readouterr()
    assert "Traceback: a defect" in told.err
    assert "TRN101" in told.out
