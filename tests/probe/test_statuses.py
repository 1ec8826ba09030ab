"""Every fixture script is run under the real agent; each of its parameters must have the status it names."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainlint.probe.codes import OF_STATUS
from trainlint.probe.status import Status, Verdict
from trainlint.probe.verdict import ProbeReport

from tests.probe.expectations import compare, read
from tests.probe.harness import FIXTURES, run_forked

SCRIPTS = sorted((FIXTURES / "status").glob("*.py"))


GUIDE = FIXTURES.parents[1] / "docs" / "probe.md"


def _attributed() -> list[tuple[str, list[str], set[str]]]:
    """The guide's table of hard cases: the words, scripts, and the statuses of their parameters."""
    table = GUIDE.read_text().partition("<!-- attribution -->")[2].partition("<!-- /attribution -->")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    return [(words, [each.strip("`") for each in scripts.split(", ")], {*found.split(", ")}) for words, scripts, found in cells]


@pytest.mark.parametrize(
    ("words", "scripts", "statuses"), _attributed(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_hard_cases_have_the_statuses_that_the_guide_tells(words: str, scripts: list[str], statuses: set[str]) -> None:
    """What the scripts announce, which their own tests compare with a run, is what the guide says."""
    announced = {status.split()[0] for script in scripts for _, status in read(FIXTURES / script).statuses}
    assert announced == statuses, words


@pytest.fixture(scope="module")
def reports() -> dict[str, ProbeReport]:
    return {script.stem: report for script, report in run_forked(SCRIPTS).items()}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_script_gets_its_verdict_and_every_parameter_its_status(script: Path, reports: dict[str, ProbeReport]) -> None:
    compare(reports[script.stem], read(script))


def test_every_status_and_every_verdict_has_a_script(reports: dict[str, ProbeReport]) -> None:
    statuses = {each.status for report in reports.values() for each in report.parameters}
    assert statuses == set(Status)
    assert {report.verdict for report in reports.values()} == set(Verdict) - {Verdict.FAILED}


def test_every_status_that_is_bad_news_has_a_code() -> None:
    without = set(Status) - set(OF_STATUS)
    assert without == {Status.LEARNED, Status.FROZEN, Status.IN_NO_OPTIMIZER, Status.RATE_ZERO}


def test_a_parameter_that_learned_in_part_says_how_much(reports: dict[str, ProbeReport]) -> None:
    (each,) = reports["embedding"].parameters
    assert (each.status, each.fraction) == (Status.LEARNED, 0.2)


def test_facts_about_the_step_are_measured(reports: dict[str, ProbeReport]) -> None:
    report = reports["learned"]
    seen = report.parameters[0].seen
    last = seen.steps[-1]
    assert last.gradient_norm is not None
    assert last.update_norm == pytest.approx(0.1 * last.gradient_norm, rel=1e-4)
    assert report.loss is not None
    assert len(report.loss["values"]) == 2
    assert all(change < 0 for change in report.loss["first_order_change"])
