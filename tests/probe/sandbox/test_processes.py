"""When a sandboxed command ends, or trainlint does, no process and no scratch is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest
from trainlint.probe.sandbox import Level, Limits, Sandboxed, SandboxError, choose

from tests.probe.sandbox import runner, survivors, victims

LEVELS = [Level.NAMESPACES, Level.FENCE, Level.REDIRECT, Level.NONE]
FENCED = LEVELS[:3]


@pytest.fixture
def mark() -> str:
    return f"trainlint-test-{uuid.uuid4().hex}"


def sandboxed(level: Level, code: str, mark: str, cwd: Path, **options: object) -> Sandboxed:
    return Sandboxed(
        [sys.executable, "-c", f"MARK = {mark!r}\n{code}"],
        cwd=cwd,
        env=dict(os.environ, TEST_MARK=mark),
        plan=choose(level),
        **{"limits": Limits(wall_s=60), **options},  # type: ignore[arg-type]
    )


def family_is_there(mark: str) -> bool:
    return survivors.eventually(lambda: len(survivors.marked(mark)) >= survivors.SIZE)


@pytest.mark.parametrize("level", LEVELS)
def test_daemons_end_with_the_command(level: Level, mark: str, tmp_path: Path) -> None:
    code = survivors.FAMILY + "sys.stdin.read()\nos._exit(7)"
    with sandboxed(level, code, mark, tmp_path, stdin=subprocess.PIPE) as command:
        assert family_is_there(mark)
        assert command.stdin is not None
        command.stdin.close()
        assert command.wait(20) == 7
        assert survivors.marked(mark) == []
        assert not os.path.exists(command.scratch or "")
    assert command.stopped_by is None


@pytest.mark.parametrize("level", LEVELS)
def test_terminate_ends_all(level: Level, mark: str, tmp_path: Path) -> None:
    with sandboxed(level, survivors.FAMILY + "time.sleep(600)", mark, tmp_path) as command:
        assert family_is_there(mark)
        assert command.poll() is None
        command.terminate()
        command.wait(20)
        assert survivors.marked(mark) == []
        assert not os.path.exists(command.scratch or "")
    assert command.stopped_by == "terminated"


def test_leaving_by_an_exception_ends_all(mark: str, tmp_path: Path) -> None:
    def interrupted() -> None:
        with sandboxed(Level.NAMESPACES, survivors.FAMILY + "time.sleep(600)", mark, tmp_path):
            assert family_is_there(mark)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert survivors.marked(mark) == []


WRECK = (
    survivors.FAMILY
    + """
while True:
    for name in ("file.txt", "new.txt", "link.txt", "hard.txt"):
        with open(name, "a") as file:
            file.write("more")
    os.replace("file.txt", "tree/leaf.txt")
    os.replace("tree/leaf.txt", "file.txt")
    os.remove("new.txt")
"""
)


@pytest.mark.parametrize("level", FENCED)
def test_trainlint_killed_at_random_moments(level: Level, mark: str, tmp_path: Path) -> None:
    """Whenever kill -9 comes, from before the supervisor runs to the middle of the writing."""
    plan = choose(level)
    victims.make(tmp_path / "victims")
    before = victims.snapshot(tmp_path / "victims")
    scratches = set(os.listdir(plan.scratch_base))
    for delay in [random.uniform(0.02, 0.6) for _ in range(3)] + [1.5]:
        trainlint = subprocess.Popen(
            [
                sys.executable,
                runner.__file__,
                level.value,
                f"MARK = {mark!r}\n{WRECK}",
                str(tmp_path / "victims"),
            ],
            env=dict(os.environ, TEST_MARK=mark),
            stdout=subprocess.DEVNULL,
        )
        time.sleep(delay)
        trainlint.kill()
        trainlint.wait()
        assert survivors.eventually(lambda: survivors.marked(mark) == []), (delay, survivors.marked(mark))
        left = set(os.listdir(plan.scratch_base)) - scratches
        assert survivors.eventually(lambda: not set(os.listdir(plan.scratch_base)) - scratches), (delay, left)
        assert victims.snapshot(tmp_path / "victims") == before, delay


@pytest.mark.parametrize("level", LEVELS)
def test_the_command_ends_with_its_supervisor(level: Level, mark: str, tmp_path: Path) -> None:
    with sandboxed(level, survivors.FAMILY + "time.sleep(600)", mark, tmp_path) as command:
        assert family_is_there(mark)
        os.kill(command.pid, signal.SIGKILL)
        command.wait(20)
        assert survivors.eventually(lambda: survivors.marked(mark) == [])
    assert command.stopped_by == "supervisor lost"


@pytest.mark.parametrize("level", FENCED)
def test_the_next_run_sweeps_what_a_killed_supervisor_left(level: Level, mark: str, tmp_path: Path) -> None:
    with sandboxed(level, "import time; time.sleep(600)", mark, tmp_path) as command:
        keepers = psutil.Process(command.pid).children()
        for process in (*keepers, psutil.Process(command.pid)):
            process.kill()
        command.wait(20)
        scratch = command.scratch or ""
        assert os.path.exists(scratch)
        # As if the sweep of an earlier run had been cut short in the middle.
        os.makedirs(os.path.join(scratch, "lifted-1", "lifted-1", "lifted-1"))
    with sandboxed(level, "import time; time.sleep(600)", "other", tmp_path):
        assert survivors.eventually(lambda: not os.path.exists(scratch))
        assert survivors.eventually(lambda: survivors.marked(mark) == [])


@pytest.mark.parametrize("level", LEVELS)
def test_a_run_that_goes_on_is_not_swept(level: Level, mark: str, tmp_path: Path) -> None:
    with sandboxed(level, "import time; time.sleep(600)", mark, tmp_path) as first:
        with sandboxed(level, "pass", "other", tmp_path) as second:
            second.wait(20)
        assert first.poll() is None
        assert os.path.exists(first.scratch or "")


@pytest.mark.parametrize("level", LEVELS)
def test_codes_and_streams_are_passed_on(level: Level, mark: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    code = f"""
import os, sys
os.write({writer}, b"by number")
sys.stderr.write("complaint")
print(sys.stdin.read().upper(), os.getcwd(), os.environ["TEST_MARK"])
os.kill(os.getpid(), 11)
"""
    pipe = subprocess.PIPE
    with sandboxed(level, code, mark, tmp_path, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=(writer,)) as command:
        os.close(writer)
        assert command.stdin is not None
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdin.write(b"question")
        command.stdin.close()
        assert command.stdout.read().decode().split() == ["QUESTION", str(tmp_path), mark]
        assert command.stderr.read() == b"complaint"
        assert os.read(reader, 100) == b"by number"
        assert os.read(reader, 100) == b""
        assert command.wait(20) == -signal.SIGSEGV
    os.close(reader)
    assert command.stopped_by is None
    assert command.returncode == -signal.SIGSEGV


@pytest.mark.parametrize("level", LEVELS)
def test_a_command_that_cannot_start_is_an_error(level: Level, tmp_path: Path) -> None:
    plan = choose(level)
    before = os.listdir(plan.scratch_base)
    missing = str(tmp_path / "missing")
    for argv, cwd in (([missing], tmp_path), (["true"], Path(missing))):
        with pytest.raises(SandboxError, match="cannot start"):
            Sandboxed(argv, cwd=cwd, env=dict(os.environ), plan=plan).__enter__()
    assert os.listdir(plan.scratch_base) == before
