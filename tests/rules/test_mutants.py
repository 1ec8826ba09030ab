"""Correct fixtures are broken in every way one statement allows, run, and judged by their gradients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rules.cases import CORRECT, Case, Expectation, report
from tests.rules.execution import Run
from tests.rules.mending import all_fixes
from tests.rules.mutants import Mutant, mutants
from tests.rules.test_executed import NOTHING_TO_APPLY, holds, run

LEAST_SHARE_NAMED = 0.95
LEAST_SHARE_OFFERED = 0.8
LEAST_SHARE_MENDED = 0.985
OF_THE_PROTOCOL = NOTHING_TO_APPLY | {"TRN101", "TRN104", "TRN107"}

FOLDERS = {"idioms", "TRN101", "TRN103", "TRN104", "TRN105", "TRN106", "TRN107", "TRN108"}
ONE_ARM = ("one_arm_", "elif_without_backward", "45_arms_of_one_condition")
"""A run takes one arm of a condition, and what is said is said of the other."""
EXECUTED = tuple(
    case
    for case in CORRECT
    if case.not_executed is None and case.folder in FOLDERS and not any(part in case.name for part in ONE_ARM)
)


def broken(case: Case) -> Iterator[tuple[Mutant, Run]]:
    for mutant in mutants(case.text):
        yield mutant, run(mutant.text)


def harmed(seen: Run, healthy: Run) -> bool:
    """Something that trained no longer does: a step without gradients or with stale ones, a backward for nothing."""

    def wrong(one: Run) -> tuple[int, int, int]:
        lines = {step.line for step in one.steps}
        empty = sum(all(step.nothing for step in one.steps_at(line)) for line in lines)
        backwards = {backward.line for backward in one.backwards if backward.reached}
        lost = sum(not any(backward.applied for backward in one.backwards_at(line)) for line in backwards)
        return sum(step.stale for step in one.steps), empty, lost

    return any(now > before for now, before in zip(wrong(seen), wrong(healthy), strict=True))


@pytest.mark.parametrize("case", EXECUTED, ids=str)
def test_nothing_is_said_that_did_not_happen(case: Case) -> None:
    for mutant, seen in broken(case):
        for finding in report(mutant.text).findings:
            line = finding.span.start.line
            met = bool(seen.steps_at(line) or seen.backwards_at(line))
            measured = any(backward.reached for backward in seen.backwards)  # gradients of zero tell nothing of their order
            if met and measured and finding.code in OF_THE_PROTOCOL:
                assert holds(Expectation(line, finding.code, None, ""), line, seen), (
                    f"{mutant.what}: {finding.code} in line {line}"
                )


def test_most_breakages_are_named() -> None:
    silent, named = [], 0
    for case in EXECUTED:
        for mutant, seen in broken(case):
            if seen.error is not None or not harmed(seen, run(case.text)):
                continue
            if report(mutant.text).findings:
                named += 1
            else:
                silent.append(f"{case.name} {mutant.what}")
    share = named / (named + len(silent))
    assert share >= LEAST_SHARE_NAMED, f"{share:.1%} of {named + len(silent)}; silent: {silent}"


def test_fixes_mend_what_was_broken() -> None:
    """No fix makes a script fail, nearly all bring back what the mutation took, and most breakages have one."""
    named = mended = 0
    offered, harm = 0, []
    for case in EXECUTED:
        for mutant, seen in broken(case):
            if not report(mutant.text).findings:
                continue
            named += 1
            fixed = all_fixes(mutant.text)
            if not fixed.applied:
                continue
            offered += 1
            result = run(fixed.text)
            retained = "retain_graph" in case.text  # what a backward that is gone kept for later, no fix can know
            assert result.error is None or seen.error is not None or retained, f"{case.name} {mutant.what}: {result.error}"
            if fixed.report.findings or harmed(result, run(case.text)):
                harm.append(f"{case.name} {mutant.what}")
            else:
                mended += 1
    assert mended / offered >= LEAST_SHARE_MENDED, harm
    assert offered / named >= LEAST_SHARE_OFFERED
