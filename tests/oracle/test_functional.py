"""Programs that train by values, run on JAX: a finding is right where their numbers are not those of the correct program."""

from __future__ import annotations

from functools import cache

import jax
import numpy as np
import pytest

from tests.oracle.functional import FORMS, FunctionalProgram, programs
from tests.rules.cases import report

PAIRS = 4
OF_STEPS = {"TRN104", "TRN105", "TRN115", "TRN219", "TRN220", "TRN909"}


@cache
def outcome(text: str) -> tuple[float, ...] | None:
    """The parameters after the run; None where it fails."""
    namespace: dict[str, object] = {}
    try:
        with jax.disable_jit():
            exec(compile(text, "program.py", "exec"), namespace)
        return tuple(np.asarray(namespace["params"], dtype=float).ravel().tolist())
    except (TypeError, ValueError, NameError, AttributeError, KeyError):
        return None


def harmed(program: FunctionalProgram) -> bool:
    """It fails, or ends with other parameters than if it were written as it should be."""
    now, right = outcome(program.text), outcome(program.right.text)
    assert right is not None
    return now is None or len(now) != len(right) or not np.allclose(now, right)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_said_is_what_the_numbers_say(form: str) -> None:
    disagreements = []
    for program in programs(PAIRS):
        if program.form == form:
            said = {finding.code for finding in report(program.text).findings}
            assert said <= OF_STEPS, f"{program}: {said}"
            if bool(said) != harmed(program):
                disagreements.append(f"{program}: {sorted(said) or 'nothing'} is said")
    assert not disagreements, "\n".join(disagreements)
