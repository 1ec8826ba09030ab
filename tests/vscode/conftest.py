"""The extension, built once for all tests of this folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXTENSION = HERE.parents[1] / "vscode-extension"
BUILD_SECONDS = 600


def run(*command: str, cwd: Path = EXTENSION, seconds: int = BUILD_SECONDS, **environment: str) -> str:
    """Output of a command that succeeds; fails the test with what it said when it does not."""
    result = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=seconds,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{result.stdout}", pytrace=False)
    return result.stdout


@contextmanager
def alone() -> Iterator[None]:
    """What writes into the extension's folder is done by one process of a parallel run at a time."""
    with open(EXTENSION / "package-lock.json", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def node_modules() -> None:
    """The extension's tools, installed anew when the lock file is another."""
    with alone():
        install()


def install() -> None:
    lock = hashlib.sha256((EXTENSION / "package-lock.json").read_bytes()).hexdigest()
    stamp = EXTENSION / "node_modules" / ".installed"
    if not stamp.exists() or stamp.read_text() != lock:
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        stamp.write_text(lock)


@pytest.fixture(scope="session")
def vsix(node_modules: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is published for this machine."""
    built = tmp_path_factory.mktemp("package") / "trainlint.vsix"
    with alone():
        run("node", "scripts/package.mjs", "--out", str(built), PYTHON=sys.executable)
    return built
