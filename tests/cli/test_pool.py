"""Many files on several processes: the order stays, and one that dies takes nobody along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from trainlint.commands import pool
from trainlint.commands.examine import Fixing, Outcome, examine
from trainlint.discovery import Target
from trainlint.finding import Status
from trainlint.settings import Settings

from tests.cli.console import BAD


def examine_or_die(target: Target, fixing: Fixing | None) -> Outcome:
    """Examine, unless the file is one that ends its process as a crash in native code would."""
    if "deadly" in target.path:
        os.kill(os.getpid(), signal.SIGKILL)
    return examine(target, fixing)


def examine_chunk(targets: list[Target], fixing: Fixing | None) -> list[Outcome]:
    return [examine_or_die(target, fixing) for target in targets]


@pytest.fixture
def targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Target]:
    monkeypatch.setattr(pool, "MANY_FILES", 3)
    monkeypatch.setattr(pool, "MANY_BYTES", 0)
    names = [f"{number:02}.py" for number in range(30)]
    for name in names:
        (tmp_path / name).write_text(BAD)
    return [Target(str(tmp_path / name), Settings(), named=False) for name in names]


def test_outcomes_come_in_the_order_of_the_targets(targets: list[Target]) -> None:
    outcomes = list(pool.examine_all(targets, None, 2))
    assert [outcome.report.findings[0].path for outcome in outcomes] == [target.path for target in targets]


def test_a_file_that_ends_its_process_is_told_and_the_others_are_checked(
    targets: list[Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_examine_chunk", examine_chunk)
    deadly = Path(targets[9].path).with_name("deadly.py")
    deadly.write_text(BAD)
    targets[9] = Target(str(deadly), Settings(), named=False)
    outcomes = list(pool.examine_all(targets, None, 2))
    states = [outcome.report.files[0].status for outcome in outcomes]
    assert states == [Status.ANALYSED] * 9 + [Status.FAILED] + [Status.ANALYSED] * 20
    assert outcomes[9].report.files[0].path == str(deadly)


def test_few_files_and_one_job_start_no_process(targets: list[Target], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "ProcessPoolExecutor", lambda *a, **k: pytest.fail("started a process"))
    assert len(list(pool.examine_all(targets, None, 1))) == 30
    assert len(list(pool.examine_all(targets[:3], None, 2))) == 3
    monkeypatch.setattr(pool, "MANY_BYTES", 10**9)
    assert len(list(pool.examine_all(targets, None, 2))) == 30


def test_no_process_outlives_one_that_is_killed(targets: list[Target]) -> None:
    folder = os.path.dirname(targets[0].path)
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from trainlint.commands import pool\n"
        "if __name__ == '__main__':\n"
        "    with pool._executor(2) as executor:\n"
        "        for process in [executor.submit(pool.os.getpid) for _ in range(8)]:\n"
        "            print(process.result(), flush=True)\n"
        "        print('ready', flush=True)\n"
        "        time.sleep(600)\n"
    )
    path = Path(folder, "owner.py")
    path.write_text(script)
    owner = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    workers = {psutil.Process(int(line)) for line in iter(owner.stdout.readline, "ready\n")}
    owner.kill()
    owner.wait()
    assert workers
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
