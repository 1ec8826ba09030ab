"""Settings from files: the nearest wins, and what is wrong in one is told with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from trainlint.configuration import Configuration, ConfigurationError, load
from trainlint.finding import Severity
from trainlint.settings import Settings

RULES = {"TRN101": "missing-zero-grad", "TRN104": "missing-step"}

FULL = """\
select = ["TRN1"]
extend-select = ["missing-step"]
ignore = ["TRN104"]
exclude = ["old/", "!build"]

[severity]
TRN101 = "error"
missing-step = "off"

[per-file-ignores]
"tests/**" = ["TRN"]
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def pyproject(body: str) -> str:
    """`body` of a trainlint.toml as part of a pyproject.toml."""
    return '[project]\nname = "x"\n\n[tool.trainlint]\n' + body.replace("\n[", "\n[tool.trainlint.")


@pytest.mark.parametrize("name", ["trainlint.toml", "pyproject.toml"])
def test_every_key_is_read(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name, FULL if name == "trainlint.toml" else pyproject(FULL))
    assert load(file, RULES) == Settings(
        select=("TRN1",),
        extend_select=("missing-step",),
        ignore=("TRN104",),
        exclude=("old/", "!build"),
        severity={"TRN101": Severity.ERROR, "missing-step": Severity.OFF},
        per_file_ignores=(("tests/**", ("TRN",)),),
        root=tmp_path,
    )


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load(write(tmp_path / "trainlint.toml", "")) == Settings(root=tmp_path)


SELECTORS = "takes a list of codes, prefixes or rule names"
KEYS = "select, extend-select, ignore, per-file-ignores, severity, exclude"

WRONG = {
    'selct = ["TRN"]': (1, 'unknown key "selct"; did you mean "select"?'),
    'colour = "red"': (1, f'unknown key "colour": it is none of {KEYS}'),
    'ignore = []\nselect = "TRN"': (2, f'"select" {SELECTORS}, not a string'),
    "select = [101]": (1, f'"select" {SELECTORS}, but 101 in it is a number'),
    "exclude = true": (1, '"exclude" takes a list of patterns, not a truth value'),
    "severity = []": (1, '"severity" takes a table of severities by code, not a list'),
    '\n\nignore = ["E501"]': (3, '"E501" selects no rule'),
    'ignore = [\n  "TRN101",\n  "missing-steps",\n]': (
        3,
        '"missing-steps" selects no rule; did you mean "missing-step"?',
    ),
    '[severity]\nTRN101 = "warn"': (2, '"warn" is not a severity; did you mean "warning"?'),
    "[severity]\nTRN101 = 3": (2, '"3" is not a severity: it takes one of error, warning, info, off'),
    '[severity]\nE501 = "info"': (2, '"E501" selects no rule'),
    '[per-file-ignores]\n"tests" = "TRN"': (2, f'"tests" {SELECTORS}, not a string'),
    '[per-file-ignores]\n"tests" = ["E501"]': (2, '"E501" selects no rule'),
}


@pytest.mark.parametrize("body", WRONG)
@pytest.mark.parametrize("name", ["trainlint.toml", "pyproject.toml"])
def test_a_mistake_is_told_with_its_line(tmp_path: Path, name: str, body: str) -> None:
    line, message = WRONG[body]
    text = body if name == "trainlint.toml" else pyproject("\n" + body)
    file = write(tmp_path / name, text)
    with pytest.raises(ConfigurationError) as told:
        load(file, RULES)
    at = line if name == "trainlint.toml" else line + 5
    assert (told.value.line, told.value.message) == (at, message)
    assert str(told.value) == f"{file}:{at}: {message}"


def test_a_word_outside_the_table_is_not_blamed(tmp_path: Path) -> None:
    text = '[project]\nselct = 1\n[tool.other]\nselct = 2\n[tool.trainlint]\n# comment\nselct = ["TRN"]\n'
    with pytest.raises(ConfigurationError) as told:
        load(write(tmp_path / "pyproject.toml", text))
    assert told.value.line == 7


@pytest.mark.parametrize("text", ["[tool]\ntrainlint = {selct = 1}\n", "tool.trainlint.selct = 1\n"])
def test_inline_tables_are_found_too(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        load(write(tmp_path / "pyproject.toml", text))
    assert told.value.line == text.count("\n")


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path / "trainlint.toml", "select = []\nignore = [\n")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        load(file)
    file = write(tmp_path / "trainlint.toml", "select = []\nignore = = 3\n")
    with pytest.raises(ConfigurationError) as told:
        load(file)
    assert told.value.line == 2


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "trainlint.toml").write_bytes(b"select = []\n# \xe9\n")
    with pytest.raises(ConfigurationError) as told:
        load(tmp_path / "trainlint.toml")
    assert told.value.line == 2
    assert told.value.message == "not valid TOML: the text is not UTF-8"


def test_a_missing_file_and_a_missing_table_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load(tmp_path / "trainlint.toml")
    file = write(tmp_path / "pyproject.toml", "[tool.ruff]\n")
    with pytest.raises(ConfigurationError, match=r"there is no \[tool\.trainlint\] table in it"):
        load(file)


def test_without_rules_a_selector_must_look_like_one(tmp_path: Path) -> None:
    file = write(tmp_path / "trainlint.toml", 'select = ["TRN9", "some-rule", "TRNP12"]\n')
    assert load(file).select == ("TRN9", "some-rule", "TRNP12")
    with pytest.raises(ConfigurationError, match='"E501" is no code'):
        load(write(tmp_path / "trainlint.toml", 'select = ["E501"]\n'))


def test_the_nearest_file_wins_whole(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[tool.trainlint]\nselect = ["TRN1"]\nignore = ["TRN104"]\n')
    write(tmp_path / "a" / "pyproject.toml", "[tool.ruff]\nselect = ['trainlint']\n")
    write(tmp_path / "a" / "b" / "trainlint.toml", 'ignore = ["TRN101"]\n')
    write(tmp_path / "a" / "b" / "pyproject.toml", '[tool.trainlint]\nignore = ["TRN104"]\n')
    (tmp_path / "a" / "b" / "c").mkdir()
    configuration = Configuration(RULES)
    assert configuration.for_folder(tmp_path / "a").ignore == ("TRN104",)
    for folder in (tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"):
        settings = configuration.for_folder(folder)
        assert settings == Settings(ignore=("TRN101",), root=tmp_path / "a" / "b")
    assert configuration.origin(tmp_path / "a" / "b") == str(tmp_path / "a" / "b" / "trainlint.toml")


def test_a_broken_pyproject_of_somebody_else_is_not_our_concern(tmp_path: Path) -> None:
    write(tmp_path / "trainlint.toml", "ignore = ['TRN101']\n")
    write(tmp_path / "a" / "pyproject.toml", "[project\n")
    assert Configuration(RULES).for_folder(tmp_path / "a").ignore == ("TRN101",)
    write(tmp_path / "b" / "pyproject.toml", "[tool.trainlint\n")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        Configuration(RULES).for_folder(tmp_path / "b")


def test_fixed_settings_read_no_file(tmp_path: Path) -> None:
    write(tmp_path / "trainlint.toml", "selct = []\n")
    fixed = Settings(ignore=("TRN101",))
    assert Configuration(RULES, fixed).for_folder(tmp_path) == fixed


def test_each_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "trainlint.toml", "")
    folders = [tmp_path / str(number) for number in range(5)]
    configuration = Configuration(RULES)
    first = configuration.for_folder(folders[0])
    os.remove(tmp_path / "trainlint.toml")
    assert all(configuration.for_folder(folder) is first for folder in folders)
