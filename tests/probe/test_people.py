"""People's scripts: each ends with a verdict and a sentence that says what was reached and what to do."""

from __future__ import annotations

import uuid
from pathlib import Path

import psutil
import pytest
from trainlint.probe.client import Request, probe
from trainlint.probe.sandbox import Level
from trainlint.probe.verdict import ProbeReport

from tests.probe.expectations import compare, read
from tests.probe.harness import FIXTURES, run_forked

PEOPLE = FIXTURES / "people"
ALONE = {"trackers", "prints", "workers", "ends_abruptly", "network", "no_torch", "terminal"}
"""These need the parent: its environment, its streams, its way of ending processes, its sandbox."""

SCRIPTS = [
    *sorted(each for each in PEOPLE.glob("*.py") if each.stem not in ALONE),
    PEOPLE / "package/tools/train.py",
]


@pytest.fixture(scope="module")
def reports() -> dict[Path, ProbeReport]:
    return run_forked(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_script_is_judged(script: Path, reports: dict[Path, ProbeReport]) -> None:
    compare(reports[script], read(script))


@pytest.mark.parametrize("name", sorted(ALONE))
def test_the_script_is_judged_by_its_parent(name: str) -> None:
    script = PEOPLE / f"{name}.py"
    level = None if name == "network" else Level.NONE
    compare(probe(Request(str(script), level=level)), read(script))


def test_no_worker_of_a_script_outlives_its_probe() -> None:
    mark = uuid.uuid4().hex
    script = PEOPLE / "workers.py"
    probe(Request(str(script), level=Level.NONE, environment={"TRAINLINT_TEST": mark}))
    assert [each.pid for each in psutil.process_iter() if _is_marked(each, mark)] == []


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get("TRAINLINT_TEST") == mark
    except psutil.Error:
        return False
