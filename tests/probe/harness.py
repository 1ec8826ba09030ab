"""Running fixture scripts under the agent, many in one process that imports torch once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainlint.probe.decoding import decode
from trainlint.probe.failures import Setting
from trainlint.probe.protocol import Result, split
from trainlint.probe.spans import Sources
from trainlint.probe.verdict import Circumstances, ProbeReport, conclude

from tests.probe.expectations import read, requested

FIXTURES = Path(__file__).parents[2] / "fixtures" / "probe"


def run_forked(scripts: Sequence[Path]) -> dict[Path, ProbeReport]:
    """The report of each script, run under the real agent in a fork of one process."""
    runs = [requested(script, read(script)) for script in scripts]
    command = [sys.executable, str(Path(__file__).with_name("forked.py")), *map(json.dumps, runs)]
    done = subprocess.run(command, capture_output=True, timeout=900, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(runs), done.stderr.decode()
    return {script: read_report(run, answer) for script, run, answer in zip(scripts, runs, answers, strict=True)}


def read_report(run: Mapping[str, Any], answer: bytes) -> ProbeReport:
    result = decode(Result, split(answer)[1])
    assert result.fault is None, f"{run['script']}: {result.fault}"
    setting = Setting(run["script"], run["cwd"], device=run["device"])
    around = Circumstances(setting, Sources(run["script"]), timeout_s=float(run["wall_s"]))
    return conclude(result.observation, around)
