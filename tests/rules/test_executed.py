"""The fixtures are run: what a faulty one announces happens, and in its twin and after its fix it does not."""

from __future__ import annotations

import ast
import math
from functools import cache

import pytest

from tests.rules.cases import CASES, FAULTY, IDIOMS, Case, Expectation, executable, expectations
from tests.rules.execution import Run, execute
from tests.rules.mending import all_fixes

NOTHING_TO_APPLY = {"TRN103", "TRN105", "TRN106"}
ROUNDING = 1e-5
"""Weights that change by less than this part of their size in a whole run have not been trained."""
DESTROYED = 10.0

EXECUTED = tuple(case for case in FAULTY if case.not_executed is None)


@cache
def run(text: str) -> Run:
    return execute(executable(text))


MEASURED = NOTHING_TO_APPLY | {"TRN101", "TRN104", "TRN107", "TRN401", "TRN402"}
"""What these announce is read from gradients and weights; for the others the fixture states its claim."""


def claims(case: Case) -> list[Expectation]:
    return [expectation for expectation in case.expectations if expectation.code in MEASURED] if case.on_torch else []


def holds(expectation: Expectation, line: int, seen: Run) -> bool:
    """Whether the consequence that a rule announces for a line is what was seen."""
    code = expectation.code
    if code in NOTHING_TO_APPLY:
        steps = seen.steps_at(line)
        return bool(steps) and all(step.nothing for step in steps)
    if code == "TRN101":
        return any(step.stale for step in seen.steps_at(line))
    if code == "TRN104":
        backwards = seen.backwards_at(line)
        return bool(backwards) and (not any(backward.applied for backward in backwards) or bool(_never_stepped(line, seen)))
    if code == "TRN107":
        steps = seen.steps_at(line)
        mine = frozenset().union(*(step.parameters for step in steps))
        lost = [one for one in seen.backwards if one.reached & mine and not one.applied & mine]
        return len(lost) >= len(steps) > 0 and all(len(step.backwards) == 1 for step in steps)
    (built, *_) = (one for one in seen.optimizers if one.line == line)
    if code == "TRN401":
        return not built.moved
    if code == "TRN402":
        change = built.relative_change
        return not math.isfinite(change) or change < ROUNDING or change > DESTROYED
    raise AssertionError(f"nobody has said what {code} does to a run")


def _never_stepped(line: int, seen: Run) -> frozenset[int]:
    """The parameters that every backward of a line reaches and no step ever moves."""
    reached = [backward.reached for backward in seen.backwards_at(line)]
    stepped = frozenset[int]().union(*(step.parameters for step in seen.steps))
    return frozenset.intersection(*map(frozenset, reached)) - stepped if reached else frozenset()


def healthy(expectation: Expectation, line: int, seen: Run) -> bool:
    """Whether the same place now does what training needs; stronger than that the claim does not hold."""
    code = expectation.code
    if code in NOTHING_TO_APPLY:
        steps = seen.steps_at(line)
        return bool(steps) and not any(step.nothing or step.stale for step in steps)
    if code in ("TRN101", "TRN107"):
        steps = [step for step in seen.steps_at(line) if not step.nothing]
        return bool(steps) and not any(step.stale for step in steps)
    if code == "TRN104":
        return any(backward.applied for backward in seen.backwards_at(line)) and not _never_stepped(line, seen)
    return not holds(expectation, line, seen)


def place_in(case: Case, expectation: Expectation, text: str) -> int:
    """Where the statement at an expectation stands in another version of its file."""
    if expectation.code in ("TRN401", "TRN402"):
        return run(text).optimizers[order_of_optimizer(case, expectation)].line
    wanted = statement(case.text, expectation.line)
    same = [node.lineno for node in statements(case.text) if ast.unparse(node) == wanted]
    there = [node.lineno for node in statements(text) if ast.unparse(node) == wanted]
    assert len(same) == len(there)
    return there[same.index(expectation.line)]


def order_of_optimizer(case: Case, expectation: Expectation) -> int:
    lines = [built.line for built in run(case.text).optimizers]
    return lines.index(expectation.line)


def statements(text: str) -> list[ast.stmt]:
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt) and not hasattr(node, "body")]
    return sorted(nodes, key=lambda node: (node.lineno, node.col_offset))


def statement(text: str, line: int) -> str:
    return ast.unparse([node for node in statements(text) if node.lineno == line][-1])


@pytest.mark.parametrize("case", EXECUTED, ids=str)
def test_the_claim_is_what_happens(case: Case) -> None:
    seen = run(case.text)
    assert type(seen.error).__name__ == (case.raises or "NoneType"), seen.error
    for claim in case.claims:
        assert seen.holds(claim), claim
    for expectation in claims(case):
        if case.raises is None or expectation.code not in NOTHING_TO_APPLY:
            assert holds(expectation, expectation.line, seen)
        else:
            assert not seen.steps_at(expectation.line)


@pytest.mark.parametrize("case", EXECUTED, ids=str)
def test_it_does_not_happen_in_the_twin(case: Case) -> None:
    text = case.twin.text
    assert run(text).error is None
    for claim in case.claims:
        assert not run(text).holds(claim), claim
    for expectation in claims(case):
        assert healthy(expectation, place_in(case, expectation, text), run(text))


@pytest.mark.parametrize("case", EXECUTED, ids=str)
def test_it_does_not_happen_after_the_fix(case: Case) -> None:
    fixed = all_fixes(case.text)
    mended = {finding.code for finding in fixed.applied}
    if not mended:
        return
    assert run(fixed.text).error is None
    if mended.issuperset(expectation.code for expectation in case.expectations):
        for claim in case.claims:
            assert not run(fixed.text).holds(claim), claim
    for expectation in claims(case):
        if expectation.code in mended:
            assert healthy(expectation, place_in(case, expectation, fixed.text), run(fixed.text))


OTHERWISE = {
    "TRN107/two_optimizers_one_dedented.bad.py": "the moved step stands before the other one",
    "TRN217/class_attribute.bad.py": "the kind of checkpoint is changed, and not what it is given",
    "TRN504/relu.bad.py": "the loss is changed, and not the last layer",
    "TRN319": "one of the two steps goes, and not what both optimizers hold",
    "TRN301": "the optimizer is given the new parameters, and knows them from then on",
}
"""Where the fix is not the twin, and as right."""


@pytest.mark.parametrize(
    "case",
    [case for case in EXECUTED if case.folder != IDIOMS and OTHERWISE.keys().isdisjoint((case.name, case.folder))],
    ids=str,
)
def test_the_fixed_program_has_the_trace_of_its_twin(case: Case) -> None:
    """Equivalent: the same backwards reach as many parameters, and the same steps apply the same of them."""
    fixed = all_fixes(case.text)
    if {finding.code for finding in fixed.applied}.issuperset(expectation.code for expectation in case.expectations):
        assert trace(run(fixed.text)) == trace(run(case.twin.text))


def trace(seen: Run) -> list[tuple[object, ...]]:
    """The events in order, with the number of parameters in place of their names."""
    return [
        tuple(len(part) if isinstance(part, frozenset) and index == 1 else part for index, part in enumerate(event))
        for event in seen.events
    ]


@pytest.mark.parametrize(
    "case", [case for case in EXECUTED if any(expectation.code == "TRN108" for expectation in case.expectations)], ids=str
)
def test_a_method_that_is_only_named_does_nothing(case: Case) -> None:
    """Without the statement the run is the same to the last bit; with the call it is another one."""
    lines = case.text.split("\n")
    for expectation in case.expectations:
        if expectation.code == "TRN108":
            indent, named = lines[expectation.line - 1], statement_at(case.text, expectation)
            lines[expectation.line - 1] = indent.replace(named, "pass", 1)
    assert run("\n".join(lines)).fingerprint() == run(case.text).fingerprint()
    assert run(all_fixes(case.text).text).fingerprint() != run(case.text).fingerprint()


def statement_at(text: str, expectation: Expectation) -> str:
    """The text of the named method: the first bare attribute on the line."""
    (node, *_) = (
        node
        for node in statements(text)
        if node.lineno == expectation.line and isinstance(node, ast.Expr) and isinstance(node.value, ast.Attribute)
    )
    source = ast.get_source_segment(text, node)
    assert source is not None
    return source


@pytest.mark.parametrize("case", EXECUTED, ids=str)
def test_every_announcement_is_claimed(case: Case) -> None:
    """By what is measured, by an error, or by a claim of the fixture's own."""
    measured = MEASURED | {"TRN108"} if case.on_torch else set()
    stated = {expectation.code for expectation in case.expectations} - measured
    assert not stated or case.claims or case.raises


@pytest.mark.parametrize("case", [case for case in CASES if case.not_executed is not None], ids=str)
def test_what_cannot_run_here_says_why(case: Case) -> None:
    reason = case.not_executed
    assert reason is not None
    assert reason.endswith("where the tests run") or reason.startswith("needs ")


def test_most_fixtures_are_executed() -> None:
    assert len(EXECUTED) > 0.75 * len(FAULTY)


def test_expectations_survive_the_fix() -> None:
    """Fixes keep the comments, so the announcements of a fixed file still stand where they stood."""
    for case in EXECUTED:
        fixed = all_fixes(case.text).text
        assert len(list(expectations(fixed))) == len(case.expectations)
