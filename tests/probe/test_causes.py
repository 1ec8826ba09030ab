"""The causes that people name when nothing learns: each has a script, and a rule or a run answers it.

Correct training beside them raises no alarm.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from trainlint.engine import check
from trainlint.probe.status import Verdict
from trainlint.probe.verdict import ProbeReport
from trainlint.source.document import Document

from tests.probe.expectations import compare, read
from tests.probe.harness import FIXTURES, run_forked

ROOT = FIXTURES.parent
GUIDE = ROOT.parent / "docs" / "causes.md"
OWN = sorted((FIXTURES / "causes").glob("*.py"))
HONEST = [
    *sorted((FIXTURES / "honest").glob("*.py")),
    *(FIXTURES / "status" / f"{name}.py" for name in ("lora", "embedding", "gan", "accumulation", "image_optimised", "warm_up")),
]


@pytest.fixture(scope="module")
def reports() -> dict[Path, ProbeReport]:
    return run_forked([*OWN, *HONEST])


@pytest.mark.parametrize("script", OWN, ids=lambda script: script.stem)
def test_a_run_names_the_cause(script: Path, reports: dict[Path, ProbeReport]) -> None:
    compare(reports[script], read(script))


@pytest.mark.parametrize("script", HONEST, ids=lambda script: script.stem)
def test_honest_training_raises_no_alarm(script: Path, reports: dict[Path, ProbeReport]) -> None:
    compare(reports[script], read(script))
    assert reports[script].findings == ()
    assert reports[script].verdict is Verdict.LEARNING
    assert check(Document(str(script), script.read_text())).findings == ()


def _rows() -> list[tuple[str, str, list[str]]]:
    """The guide's table: the cause, a script, and the codes that answer it, for each of the two kinds of scripts."""
    table = GUIDE.read_text().partition("<!-- causes -->")[2].partition("<!-- /causes -->")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    torch = [(cause, script, codes) for cause, script, codes, _, _ in cells]
    tensorflow = [(f"{cause} (TensorFlow)", script, codes) for cause, _, _, script, codes in cells if script]
    assert len(tensorflow) > 15
    return [(cause, script.strip("`"), codes.replace(",", " ").split()) for cause, script, codes in (*torch, *tensorflow)]


def _named() -> list[tuple[str, str, set[str]]]:
    """The guide's table of what a run names: the words, a script, the codes."""
    table = GUIDE.read_text().partition("<!-- named -->")[2].partition("<!-- /named -->")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    return [(words, script.strip("`"), {*codes.split(", ")}) for words, script, codes in cells]


@pytest.mark.parametrize(("words", "script", "codes"), _named(), ids=lambda value: value if isinstance(value, str) else "")
def test_what_a_run_names_has_a_line_in_a_script(words: str, script: str, codes: set[str]) -> None:
    """The script announces it at a line, which its own test compares with the run."""
    path = ROOT / script
    placed = {code for code, line in read(path).findings if line > 1}
    assert codes <= placed, words
    assert path.parent.name in ("causes", "status", "people")


@pytest.mark.parametrize(("cause", "script", "codes"), _rows(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_guide_names_what_answers_each_cause(cause: str, script: str, codes: list[str]) -> None:
    """What the guide says of a script is what the script itself announces, and its own test holds it to that."""
    path = ROOT / script
    announced = {code for code, _ in read(path).findings} if path.is_relative_to(FIXTURES) else set()
    static = {finding.code for finding in check(Document(str(path), path.read_text())).findings}
    assert set(codes) <= announced | static, cause
    assert codes
