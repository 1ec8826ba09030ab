"""Time, memory and disk are limited, and what ended a command is said."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from trainlint.probe.sandbox import Level, Limits, Sandboxed, choose

from tests.probe.sandbox import victims

LEVELS = [Level.NAMESPACES, Level.FENCE, Level.REDIRECT, Level.NONE]
FENCED = LEVELS[:3]
FOREVER = "import time; time.sleep(600)"


def stopped(level: Level, code: str, cwd: Path, limits: Limits, in_memory: bool = False) -> Sandboxed:
    plan = replace(choose(level), scratch_in_memory=in_memory)
    with Sandboxed([sys.executable, "-c", code], cwd=cwd, env=dict(os.environ), plan=plan, limits=limits) as command:
        command.wait(30)
    return command


@pytest.mark.parametrize("level", LEVELS)
def test_wall_time(level: Level, tmp_path: Path) -> None:
    began = time.monotonic()
    command = stopped(level, FOREVER, tmp_path, Limits(wall_s=0.5))
    assert command.stopped_by == "wall time"
    assert command.returncode == -9
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("level", LEVELS)
def test_memory(level: Level, tmp_path: Path) -> None:
    code = f"hoard = [bytearray(os.urandom(1) * (1 << 20)) for _ in range(400)]\n{FOREVER}"
    command = stopped(level, "import os\n" + code, tmp_path, Limits(wall_s=30, memory_mb=200))
    assert command.stopped_by == "memory"


@pytest.mark.parametrize("level", LEVELS)
def test_memory_of_children_counts(level: Level, tmp_path: Path) -> None:
    child = f"hoard = b'x' * (120 << 20); {FOREVER}"
    start = f"subprocess.Popen([sys.executable, '-c', {child!r}])"
    code = f"import subprocess, sys\n{start}\n{start}\n{FOREVER}"
    command = stopped(level, code, tmp_path, Limits(wall_s=30, memory_mb=200))
    assert command.stopped_by == "memory"


@pytest.mark.parametrize("level", LEVELS)
def test_shared_memory_counts_once(level: Level, tmp_path: Path) -> None:
    """Forked workers, as a data loader has them, hold the pages of their parent."""
    code = """
import os, time
hoard = b"x" * (120 << 20)
children = []
for _ in range(6):
    pid = os.fork()
    if not pid:
        time.sleep(1.5)
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
"""
    command = stopped(level, code, tmp_path, Limits(wall_s=30, memory_mb=300))
    assert command.stopped_by is None
    assert command.returncode == 0


@pytest.mark.parametrize("level", FENCED)
def test_scratch_size(level: Level, tmp_path: Path) -> None:
    code = f"""
with open("big.bin", "wb") as file:
    for _ in range(60):
        file.write(bytes(1 << 20))
{FOREVER}
"""
    command = stopped(level, code, tmp_path, Limits(wall_s=30, scratch_mb=20))
    assert command.stopped_by == "scratch size"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("level", FENCED)
def test_unlinked_files_count(level: Level, tmp_path: Path) -> None:
    code = f"""
import tempfile
file = tempfile.TemporaryFile()
for _ in range(60):
    file.write(bytes(1 << 20))
file.flush()
{FOREVER}
"""
    command = stopped(level, code, tmp_path, Limits(wall_s=30, scratch_mb=20))
    assert command.stopped_by == "scratch size"


@pytest.mark.parametrize("level", FENCED)
def test_holes_do_not_count(level: Level, tmp_path: Path) -> None:
    victims.make_huge(tmp_path)
    code = """
import time
with open("huge.bin", "r+b") as file:
    file.seek(1 << 39)
    file.write(b"middle")
time.sleep(1.2)
"""
    command = stopped(level, code, tmp_path, Limits(wall_s=30, scratch_mb=20))
    assert command.stopped_by is None
    assert command.returncode == 0


def test_scratch_in_memory_has_a_limit_of_its_own(tmp_path: Path) -> None:
    code = """
import errno, sys
with open("small.bin", "wb") as file:
    file.write(bytes(1 << 20))
try:
    with open("big.bin", "wb") as file:
        file.write(bytes(60 << 20))
except OSError as error:
    sys.exit(error.errno)
"""
    limits = Limits(wall_s=30, scratch_mb=20)
    command = stopped(Level.NAMESPACES, code, tmp_path, limits, in_memory=True)
    assert command.returncode == 28 or command.stopped_by == "scratch size"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("level", [Level.FENCE, Level.REDIRECT])
def test_a_file_over_the_limit_is_not_copied(level: Level, tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(bytes(30 << 20))
    with Sandboxed(
        [sys.executable, "-c", "open('big.bin', 'r+b')"],
        cwd=tmp_path,
        env=dict(os.environ),
        plan=choose(level),
        limits=Limits(wall_s=30, scratch_mb=20),
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stderr is not None
        said = command.stderr.read().decode()
        assert command.wait() == 1
    assert "the sandbox copies a file before it is changed" in said
