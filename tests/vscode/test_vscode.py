"""The extension as its users get it: built into a `.vsix`, installed into a real VS Code, and driven on the screen."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXTENSION = HERE.parents[1] / "vscode-extension"
BUILD_SECONDS = 600
SCENARIO_SECONDS = 180


def run(*command: str, cwd: Path = EXTENSION, seconds: int = BUILD_SECONDS, **environment: str) -> str:
    """Output of a command that succeeds; fails the test with what it said when it does not."""
    result = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, timeout=seconds,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if result.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{result.stdout}", pytrace=False)
    return result.stdout


@pytest.fixture(scope="session")
def node_modules() -> None:
    """The extension's tools, installed anew when the lock file is another."""
    lock = hashlib.sha256((EXTENSION / "package-lock.json").read_bytes()).hexdigest()
    stamp = EXTENSION / "node_modules" / ".installed"
    if not stamp.exists() or stamp.read_text() != lock:
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        stamp.write_text(lock)


@pytest.fixture(scope="session")
def vsix(node_modules: None) -> Path:
    run("node", "scripts/package.mjs", PYTHON=sys.executable)
    (built,) = EXTENSION.glob("*.vsix")
    return built


@pytest.fixture(scope="session")
def editor() -> str:
    return run("node", "setup.mjs", cwd=HERE).strip().splitlines()[-1]


def test_units(node_modules: None) -> None:
    """Settings, interpreters, trust, restarts and the report's page, without an editor."""
    run("node", "scripts/test.mjs", seconds=120)


@pytest.mark.parametrize("scenario", sorted(path.name for path in HERE.glob("*.scenario.mjs")))
def test_in_the_editor(scenario: str, vsix: Path, editor: str, tmp_path: Path) -> None:
    run(
        "node", "--test", scenario,
        cwd=HERE, seconds=SCENARIO_SECONDS,
        TRAINLINT_VSIX=str(vsix), TRAINLINT_EDITOR=editor, TRAINLINT_HOME=str(tmp_path), TRAINLINT_PYTHON=sys.executable,
    )  # fmt: skip
