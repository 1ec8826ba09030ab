"""``trainlint check`` and ``explain`` on projects of several files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.console import trainlint
from tests.program.projects import Project

TEXT = """\
## train/main.py
# setup
from helpers import apply
for x, y in loader:
    loss = LOSS
    loss.backward()
    apply(optimizer)
## train/helpers.py
def apply(o):
    o.step()
"""
CALL = Project.of(TEXT).files["train/main.py"].splitlines().index("    apply(optimizer)") + 1


@pytest.fixture
def project(tmp_path: Path) -> Path:
    Project.of(TEXT).write(tmp_path)
    return tmp_path


@pytest.mark.parametrize("paths", [["."], ["train"], ["train/main.py"], ["train/main.py", "train/helpers.py", "."]], ids=str)
def test_each_mistake_is_said_once(project: Path, paths: list[str]) -> None:
    result = trainlint("check", "--output-format", "json", *paths, cwd=project)
    found = json.loads(result.out)["findings"]
    assert [(one["path"], one["code"]) for one in found] == [("train/main.py", "TRN101")]
    assert found[0]["related"][0]["path"] == "train/helpers.py"


def test_the_excerpts_come_from_both_files(project: Path) -> None:
    shown = trainlint("check", ".", cwd=project).out
    assert f"train/main.py:{CALL}:5: TRN101 in helpers.py, `o.step()` applies" in shown
    assert f"{CALL} |     apply(optimizer)" in shown
    assert "note: train/helpers.py:2:5: this call leads to helpers.py" in shown
    assert " 2 |     o.step()" in shown


def test_other_formats_name_the_right_file(project: Path) -> None:
    sarif = json.loads(trainlint("check", "--output-format", "sarif", ".", cwd=project).out)
    [result] = sarif["runs"][0]["results"]
    places = [result["locations"][0], *result["relatedLocations"]]
    uris = [place["physicalLocation"]["artifactLocation"]["uri"] for place in places]
    assert uris == ["train/main.py", "train/helpers.py", "train/main.py", "train/main.py"]
    github = trainlint("check", "--output-format", "github", ".", cwd=project).out
    assert f"file=train/main.py,line={CALL}," in github


def test_absolute_paths_stay_absolute(project: Path) -> None:
    result = trainlint("check", "--output-format", "json", str(project / "train"), cwd="/")
    [finding] = json.loads(result.out)["findings"]
    assert finding["path"] == str(project / "train" / "main.py")
    assert finding["related"][0]["path"] == str(project / "train" / "helpers.py")


def test_standard_input_sees_the_files_beside_its_name(project: Path) -> None:
    text = (project / "train" / "main.py").read_bytes()
    result = trainlint("check", "--stdin-filename", "train/other.py", "-", cwd=project, stdin=text)
    assert "train/other.py:" in result.out and "in helpers.py" in result.out


def test_fixes_leave_other_files_alone(project: Path) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*.py")}
    result = trainlint("check", "--fix", "--unsafe-fixes", ".", cwd=project)
    assert result.status == 1 and "Fixed 0 mistakes" in result.out
    assert {path: path.read_bytes() for path in project.rglob("*.py")} == before


def test_explain_speaks_of_the_lines_of_its_file_alone(project: Path) -> None:
    assert "helpers.py, line 2: step" in trainlint("explain", f"train/main.py:{CALL - 3}", cwd=project).out
    assert "step" not in trainlint("explain", "train/main.py:2", cwd=project).out


def test_several_processes_see_the_same(project: Path) -> None:
    for number in range(60):
        folder = project / f"part{number}"
        folder.mkdir()
        (folder / "main.py").write_bytes((project / "train" / "main.py").read_bytes() + b"#" * 40_000)
        (folder / "helpers.py").write_bytes((project / "train" / "helpers.py").read_bytes())
    alone = trainlint("check", "--output-format", "json", "--jobs", "1", ".", cwd=project)
    several = trainlint("check", "--output-format", "json", "--jobs", "2", ".", cwd=project)
    assert len(json.loads(alone.out)["findings"]) == 61
    assert several.out == alone.out
