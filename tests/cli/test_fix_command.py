"""``trainlint fix``: shows, tries out, and writes only what was agreed to."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

FAULTY = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x in torch.randn(5, 4, 3):
    optimizer.zero_grad()
    loss = model(x).square().mean()
    optimizer.step()
    loss.backward()
"""
MENDED = FAULTY.replace("    optimizer.step()\n    loss.backward()\n", "    loss.backward()\n    optimizer.step()\n")


def trainlint(*arguments: str, cwd: Path, unsaved: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainlint", "fix", *arguments]
    return subprocess.run(command, input=unsaved, capture_output=True, text=True, timeout=200, check=False, cwd=cwd)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(FAULTY)
    return path


def test_nothing_is_written_without_consent(script: Path) -> None:
    done = trainlint("train.py", cwd=script.parent)
    assert done.returncode == 1
    assert "+    loss.backward()" in done.stdout
    assert "nothing was written" in done.stderr
    assert script.read_text() == FAULTY


def test_yes_writes(script: Path) -> None:
    assert trainlint("train.py", "--yes", cwd=script.parent).returncode == 0
    assert script.read_text() == MENDED


def test_safe_leaves_what_changes_training(script: Path) -> None:
    done = trainlint("train.py", "--safe", "--yes", cwd=script.parent)
    assert done.returncode == 0
    assert "train.py:10: TRN106 stays: it changes how the program trains" in done.stderr
    assert script.read_text() == FAULTY


@pytest.mark.parametrize(("answer", "text"), [("y", MENDED), ("n", FAULTY), ("", FAULTY)])
def test_the_answer_decides(script: Path, answer: str, text: str) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        done = subprocess.run(
            [sys.executable, "-m", "trainlint", "fix", str(script)], stdin=theirs, capture_output=True, text=True, timeout=60
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Write it? [y/N]" in done.stderr
    assert done.returncode == (0 if text == MENDED else 1)
    assert script.read_text() == text


def test_verify_shows_what_learns_before_anything_is_written(script: Path) -> None:
    done = trainlint("train.py", "--verify", cwd=script.parent)
    assert done.returncode == 1, done.stderr
    assert "before: Not learning" in done.stdout
    assert "after:  Learning: all 2 parameters" in done.stdout
    assert "model.weight  not-stepped -> learned" in done.stdout
    assert script.read_text() == FAULTY


def test_a_right_file_needs_nothing(script: Path) -> None:
    script.write_text(MENDED)
    done = trainlint("train.py", "--verify", cwd=script.parent)
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing to fix" in done.stderr


def test_what_cannot_be_fixed_is_one_sentence(tmp_path: Path) -> None:
    done = trainlint("missing.py", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "trainlint: error: there is no file missing.py\n"


def test_a_text_that_is_not_saved_is_tried_in_the_place_of_its_file(script: Path) -> None:
    script.write_text("raise SystemExit('the file on disk was run')\n")
    (script.parent / "data.txt").write_text("0.1")
    unsaved = FAULTY.replace("lr=0.1", 'lr=float(open("data.txt").read())')
    done = trainlint("-", "--stdin-filename", "train.py", "--verify", cwd=script.parent, unsaved=unsaved)
    assert done.returncode == 1, done.stderr
    assert "+++ train.py" in done.stdout
    assert "model.weight  not-stepped -> learned" in done.stdout
    assert script.read_text().startswith("raise SystemExit")


def test_a_fixed_text_of_standard_input_is_printed(tmp_path: Path) -> None:
    done = trainlint("-", "--yes", cwd=tmp_path, unsaved=FAULTY)
    assert (done.returncode, done.stdout) == (0, MENDED)
    assert "+    loss.backward()" in done.stderr
    right = trainlint("-", "--yes", cwd=tmp_path, unsaved=MENDED)
    assert (right.returncode, right.stdout) == (0, MENDED)


def test_a_text_without_a_place_is_not_run(tmp_path: Path) -> None:
    done = trainlint("-", "--verify", cwd=tmp_path, unsaved=FAULTY)
    assert done.returncode == 2
    assert "--stdin-filename" in done.stderr
