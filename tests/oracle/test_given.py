"""The analysis agrees with what the steps of several thousand programs were given; the full run is `tests.oracle.hold`."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.oracle.given import FAMILIES, programs
from tests.oracle.hold import Outcome, hold
from tests.oracle.receive import CODES

EVERY = 5


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    outcome = hold(islice(programs(), 0, None, EVERY))
    print(outcome)
    return outcome


def test_the_analysis_agrees_with_the_runs(outcome: Outcome) -> None:
    shown = "\n\n".join(f"{family}\n{said}" for family, said in outcome.disagreements[:5])
    assert not outcome.disagreements, f"{shown}\n\n{outcome}"


def test_there_are_programs_enough_of_every_verdict(outcome: Outcome) -> None:
    assert outcome.verdicts["TRN113"] >= 3
    for verdict in CODES - {"TRN113"}:
        assert outcome.verdicts[verdict] >= 50, verdict
    assert outcome.verdicts["clean"] >= 300


def test_every_family_has_programs_of_its_own() -> None:
    assert {program.family for program in programs()} == {family.__name__ for family in FAMILIES}
    assert sum(1 for _ in programs()) >= 4_000
