"""The analysis agrees with what more than twenty thousand programs did when they ran on torch."""

from __future__ import annotations

import pytest

from tests.oracle.compare import Outcome, compare
from tests.oracle.generate import programs

CODES = ("TRN101", "TRN103", "TRN104", "TRN105", "TRN106", "TRN107")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    outcome = compare(programs(), split_every=23)
    print(outcome)
    return outcome


def test_the_analysis_agrees_with_the_runs(outcome: Outcome) -> None:
    shown = "\n\n".join(f"{family}\n{disagreement}" for family, disagreement in outcome.disagreements[:5])
    assert not outcome.disagreements, f"{shown}\n\n{outcome}"


def test_there_are_programs_enough_of_every_verdict(outcome: Outcome) -> None:
    assert outcome.programs >= 20_000
    for verdict in (*CODES, "clean"):
        assert outcome.verdicts[verdict] >= 250, verdict


def test_many_of_them_are_looked_at_as_two_files(outcome: Outcome) -> None:
    assert outcome.programs_of_two >= 250


def test_scaling_clipping_and_schedules_go_wrong_in_many_ways(outcome: Outcome) -> None:
    for verdict, least in {"TRN701": 100, "TRN702": 6, "TRN801": 80, "TRN802": 150, "TRN803": 300, "TRN804": 450}.items():
        assert outcome.verdicts[verdict] >= least, verdict


def test_the_definitions_leave_little_choice(outcome: Outcome) -> None:
    assert outcome.verdicts["free"] < 0.055 * outcome.programs
