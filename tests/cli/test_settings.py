"""Which rules are on, by select, ignore, severity and file."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainlint.finding import Severity
from trainlint.settings import Settings, did_you_mean, unknown_selector

RULES = {"TRN101": "missing-zero-grad", "TRN104": "missing-step", "TRNP01": "not-learning"}


@pytest.mark.parametrize(
    ("settings", "selected"),
    [
        (Settings(), True),
        (Settings(ignore=("TRN101",)), False),
        (Settings(ignore=("missing-zero-grad",)), False),
        (Settings(ignore=("TRN1",)), False),
        (Settings(ignore=("TRN2",)), True),
        (Settings(select=("TRN2",)), False),
        (Settings(select=("TRN2",), extend_select=("TRN101",)), True),
        (Settings(select=("TRN101",), ignore=("TRN1",)), True),
        (Settings(select=("TRN1",), ignore=("TRN101",)), False),
        (Settings(select=("TRN101",), ignore=("TRN101",)), False),
        (Settings(select=("missing-zero-grad",)), True),
        (Settings(select=()), False),
        (Settings(severity={"TRN101": Severity.OFF}), False),
        (Settings(severity={"TRN1": Severity.OFF, "TRN101": Severity.ERROR}), True),
        (Settings(file_ignore=("TRN1",), select=("TRN101",)), False),
    ],
)
def test_the_more_specific_selector_wins(settings: Settings, selected: bool) -> None:
    assert settings.selects("TRN101", "missing-zero-grad") is selected


@pytest.mark.parametrize(
    ("settings", "selected"),
    [
        (Settings(), False),
        (Settings(select=("TRN4",)), False),
        (Settings(select=("TRN417",)), True),
        (Settings(extend_select=("suspicious-value",)), True),
        (Settings(severity={"TRN417": Severity.INFO}), True),
        (Settings(extend_select=("TRN417",), ignore=("TRN417",)), False),
    ],
)
def test_what_is_heuristic_must_be_asked_for_by_code_or_name(settings: Settings, selected: bool) -> None:
    assert settings.selects("TRN417", "suspicious-value", heuristic=True) is selected


def test_severity_is_that_of_the_most_specific_selector() -> None:
    settings = Settings(severity={"TRN1": Severity.INFO, "missing-step": Severity.ERROR})
    assert settings.severity_of("TRN104", "missing-step") is Severity.ERROR
    assert settings.severity_of("TRN101", "missing-zero-grad") is Severity.INFO
    assert settings.severity_of("TRN201", "other") is None


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("tests/a.py", False),
        ("src/tests/a.py", False),
        ("src/a.py", True),
        ("legacy.py", False),
        ("src/legacy.py", True),
        ("../x.py", True),
    ],
)
def test_per_file_ignores_hold_for_matching_files(tmp_path: Path, path: str, selected: bool) -> None:
    settings = Settings(per_file_ignores=(("tests", ("TRN1",)), ("/legacy.py", ("missing-zero-grad",))), root=tmp_path)
    here = settings.for_file(str(tmp_path / path))
    assert here.selects("TRN101", "missing-zero-grad") is selected
    assert here.for_file(str(tmp_path / path)) == here


def test_equal_settings_are_one_key() -> None:
    one = Settings(ignore=("TRN1",), severity={"TRN1": Severity.INFO})
    other = Settings(ignore=("TRN1",), severity={"TRN1": Severity.INFO})
    assert {one: 1}[other] == 1
    assert one != Settings(ignore=("TRN1",))


@pytest.mark.parametrize(
    ("selectors", "sentence"),
    [
        (["TRN", "TRN1", "TRNP", "missing-step", "TRN101"], None),
        (["TRN101", "TRNP02"], '"TRNP02" selects no rule; did you mean "TRNP01"?'),
        (["trn101"], '"trn101" selects no rule; did you mean "TRN101"?'),
        (["missing-steps"], '"missing-steps" selects no rule; did you mean "missing-step"?'),
        (["E501"], '"E501" selects no rule'),
        ([""], '"" selects no rule'),
    ],
)
def test_a_selector_that_picks_nothing_is_told(selectors: list[str], sentence: str | None) -> None:
    assert unknown_selector(selectors, RULES) == sentence


def test_a_suggestion_needs_a_close_word() -> None:
    assert did_you_mean("selct", ["select", "ignore"]) == '; did you mean "select"?'
    assert did_you_mean("colour", ["select", "ignore"]) == ""
