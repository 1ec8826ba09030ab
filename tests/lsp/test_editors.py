"""A real Neovim and a real Emacs, without a screen: open a script, see the mistake, apply the fix, save."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.raw import REAL

HERE = Path(__file__).parent

TRAIN = """\
import torch

model = torch.nn.Linear(10, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def train(loader):
    for images, labels in loader:
        loss = (model(images) - labels).square().mean()
        loss.backward()
        print("é漢🔥"); optimizer.step()
"""

FIXED = TRAIN.replace("        loss.back", "        optimizer.zero_grad()\n        loss.back")
FIX = "Insert `optimizer.zero_grad()` before the backward (changes training)"
BEHIND = "Insert `optimizer.zero_grad()` after the step (changes training)"
EXPLAIN = "Explain TRN101 (missing-zero-grad)"
IGNORE = "Ignore TRN101 (missing-zero-grad) here"
IGNORED = TRAIN.replace("optimizer.step()", "optimizer.step()  # trainlint: ignore[TRN101]")

UNCALLED = FIXED.replace("\n\n\ndef", "\nmodel.train\n\n\ndef")
CALLED = UNCALLED.replace("model.train\n", "model.train()\n")
FIX_ALL = "Fix all that trainlint can fix safely"


def drive(tmp_path: Path, command: list[str], package: str, text: str, **job: Any) -> tuple[dict[str, Any], str]:
    """Let an editor do `job` on a file that holds `text`: what it saw, and what the file holds then."""
    assert shutil.which(command[0]), f"{command[0]} is missing: apt-get install {package}"
    assert Path(REAL[0]).exists(), "trainlint is not installed: make setup"
    file, report, order = tmp_path / "träin script.py", tmp_path / "report.json", tmp_path / "job.json"
    file.write_text(text, encoding="utf-8")
    order.write_text(json.dumps({"command": REAL, "file": str(file), "report": str(report), **job}))
    environment = {**os.environ, "JOB": str(order), "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    said = f"{ended.stdout}\n{ended.stderr}"
    assert report.exists(), f"{command[0]} ended with {ended.returncode} and no report:\n{said}"
    seen: dict[str, Any] = json.loads(report.read_text())
    assert "problem" not in seen, f"{seen}\n{said}"
    assert ended.returncode == 0, said
    return seen, file.read_text(encoding="utf-8")


def neovim(tmp_path: Path, text: str, **job: Any) -> tuple[dict[str, Any], str]:
    script = HERE / "neovim" / "drive.lua"
    return drive(tmp_path, ["nvim", "--headless", "--clean", "-c", f"luafile {script}"], "neovim", text, **job)


def emacs(tmp_path: Path, text: str, **job: Any) -> tuple[dict[str, Any], str]:
    script = HERE / "emacs" / "drive.el"
    return drive(tmp_path, ["emacs", "--batch", "-l", str(script)], "emacs-nox elpa-eglot", text, **job)


@pytest.mark.parametrize("job", [{}, {"encoding": "utf-8"}], ids=str)
def test_neovim_shows_the_mistake_and_applies_the_fix(tmp_path: Path, job: dict[str, str]) -> None:
    seen, text = neovim(tmp_path, TRAIN, choose=FIX, **job)
    expected = {
        "code": "TRN101",
        "line": 10,
        "marked": "optimizer.step()",
        "severity": 2,
        "source": "trainlint",
    }
    assert seen["before"] == [expected]
    assert seen["titles"] == [FIX, BEHIND, IGNORE, EXPLAIN]
    assert text == FIXED
    assert seen["status"] == 0


def test_neovim_keeps_the_diagnostics_while_a_line_is_typed(tmp_path: Path) -> None:
    line = 'print(f"{loss.item():.3f}", flush=True)'
    seen, text = neovim(tmp_path, TRAIN, choose=FIX, type={"line": 11, "text": line})
    assert seen["least"] == 1
    assert seen["before"][0]["line"] == 11
    assert f"        {line}\n" in text
    assert "        optimizer.zero_grad()\n        loss.backward()\n" in text


def test_neovim_ignores_a_finding(tmp_path: Path) -> None:
    assert neovim(tmp_path, TRAIN, choose=IGNORE)[1] == IGNORED


def test_neovim_fixes_all(tmp_path: Path) -> None:
    seen, text = neovim(tmp_path, UNCALLED, choose=FIX_ALL, only=["source.fixAll.trainlint"])
    assert seen["titles"] == [FIX_ALL]
    assert text == CALLED


def test_emacs_shows_the_mistake_and_applies_the_fix(tmp_path: Path) -> None:
    seen, text = emacs(tmp_path, TRAIN, choose=FIX)
    (before,) = seen["before"]
    assert (before["line"], before["marked"]) == (10, "optimizer.step()")
    assert before["text"].startswith("trainlint [TRN101]: `optimizer.step()` applies gradients")
    assert seen["titles"] == [FIX, BEHIND, IGNORE, EXPLAIN]
    assert text == FIXED


def test_emacs_fixes_safely(tmp_path: Path) -> None:
    seen, text = emacs(tmp_path, UNCALLED, choose="Call `model.train()`")
    assert FIX_ALL in seen["titles"]
    assert text == CALLED
