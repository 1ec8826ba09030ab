"""Fixes on programs that are run on torch: of those with one mistake, and of those with many."""

from __future__ import annotations

import os
from itertools import islice

import pytest

from tests.oracle.generate import programs
from tests.oracle.judge import Judge
from tests.oracle.mended import KINDS, Harness, Restored, broken, restore

EVERYTHING = os.environ.get("TRAINLINT_HARNESS") == "all"
"""Every program is gone through, which takes half an hour, instead of a part of them."""


@pytest.fixture(scope="module")
def restored() -> Restored:
    """Correct programs of every family, each without one operation, and what the first fix made of them."""
    return restore(broken(every=1 if EVERYTHING else 60))


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_call_comes_back(restored: Restored, kind: str) -> None:
    """Nothing is found, everything that is promised holds, and each step applies the gradients that it applied before.

    Where the loop leaves a choice (a step that only some turns take, a clear behind it or in front) the run may differ.
    """
    counts, shown = restored.counts[kind], "\n\n".join(f"{one.twin}--- became\n{after}" for one, after in restored.failed)
    assert counts["fixed"] >= 10
    assert counts["clean"] >= 0.9 * counts["fixed"], shown
    assert counts["equivalent"] >= 0.85 * counts["fixed"], shown


def test_runs_agree_with_what_is_said_of_the_fixed_program() -> None:
    """Any arrangement of calls, whatever is wrong with it: no fix does harm, and what is gone is gone when it runs."""
    with Judge().session() as judge:
        harness = Harness(judge)
        for program in islice(programs(), 11, None, 1 if EVERYTHING else 120):
            if program.trains:
                harness.look(program)
    assert not harness.wrong, "\n\n".join(f"{program.text}\n{wrong}" for program, wrong in harness.wrong[:3])
    assert harness.fixes >= 100
    assert harness.gone >= 0.97 * harness.fixes, harness
