"""Catalogue entries that a run can confirm, each with a script: the run judges it, and confirms what the analysis says."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainlint.agreement import agree
from trainlint.engine import check
from trainlint.finding import State
from trainlint.probe.verdict import ProbeReport
from trainlint.rules import RULES
from trainlint.source.document import Document

from tests.probe.expectations import compare, read
from tests.probe.harness import FIXTURES, run_forked

SCRIPTS = sorted((FIXTURES / "mistakes").glob("*.py"))
CONFIRMING = [script for script in SCRIPTS if "confirms" in read(script).words]
KNOWN = {rule.code for rule in RULES}


@pytest.fixture(scope="module")
def reports() -> dict[Path, ProbeReport]:
    return run_forked(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_run_judges_the_mistake(script: Path, reports: dict[Path, ProbeReport]) -> None:
    compare(reports[script], read(script))


@pytest.mark.parametrize("script", CONFIRMING, ids=lambda script: script.stem)
def test_a_run_confirms_what_the_analysis_says(script: Path, reports: dict[Path, ProbeReport]) -> None:
    static = check(Document(str(script), script.read_text())).findings
    agreement = agree(static, reports[script].findings, reports[script].claims)
    confirmed = {finding.code for finding in agreement.findings if finding.state is State.CONFIRMED}
    assert confirmed == {*read(script).words["confirms"].split()} & KNOWN
    assert not any(finding.state is State.WITHDRAWN for finding in agreement.findings)
