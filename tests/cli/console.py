"""The installed console script, run as a user runs it, and texts to run it on."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(sysconfig.get_path("scripts")) / "trainlint"

BAD = """\
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.MSELoss()


def train(loader):
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
"""
"""Nothing clears the gradients: TRN101, with an unsafe fix that inserts a line before the backward."""

INSERTED = "        optimizer.zero_grad()\n"
GOOD = BAD.replace("        loss.backward()\n", INSERTED + "        loss.backward()\n")

SAFE = GOOD.replace("optimizer.step()\n", "optimizer.step\n")
"""The step is named and not called: TRN108, with a safe fix that calls it."""


@dataclass(frozen=True)
class Result:
    """What a run left behind. `raw` is standard output, byte for byte."""

    status: int
    out: str
    err: str
    raw: bytes


def trainlint(*arguments: str | Path, cwd: Path, stdin: bytes = b"", env: dict[str, str] | None = None) -> Result:
    """Run ``trainlint`` with `arguments` in the folder `cwd`."""
    done = subprocess.run(
        [SCRIPT, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        env=environment(**env or {}),
        capture_output=True,
        timeout=120,
    )
    return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(), done.stdout)


def environment(**changes: str) -> dict[str, str]:
    """The environment without what would colour the output or make Python talk."""
    kept = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "NO_COLOR")}
    return {**kept, **changes}
