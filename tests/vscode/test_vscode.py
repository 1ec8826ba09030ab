"""The extension as its users get it: its `.vsix` in a real VS Code, driven on the screen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .conftest import HERE, run

SCENARIO_SECONDS = 480


@pytest.fixture(scope="session")
def editor() -> str:
    return run("node", "setup.mjs", cwd=HERE).strip().splitlines()[-1]


def test_units(node_modules: None) -> None:
    """Types, settings, interpreters, trust, restarts and the report's page, without an editor."""
    run("node", "node_modules/typescript/bin/tsc", "--noEmit")
    run("node", "scripts/test.mjs", seconds=120)


@pytest.mark.parametrize("scenario", sorted(path.name for path in HERE.glob("*.scenario.mjs")))
def test_in_the_editor(scenario: str, vsix: Path, editor: str, tmp_path: Path) -> None:
    run(
        *("node", "--test", "--test-reporter=spec", scenario),
        cwd=HERE,
        seconds=SCENARIO_SECONDS,
        TRAINLINT_VSIX=str(vsix),
        TRAINLINT_EDITOR=editor,
        TRAINLINT_HOME=str(tmp_path),
        TRAINLINT_PYTHON=sys.executable,
    )
