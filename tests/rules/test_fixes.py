"""Every fix of every fixture: applied, parsed, checked again, and applied again to no effect."""

from __future__ import annotations

import ast
import re

import pytest
from trainlint.rules import RULES, Fixability, Rule

from tests.rules.cases import CODES, FAULTY, Case, report
from tests.rules.mending import held
from tests.rules.test_documentation import chosen, section
from tests.rules.variants import VARIANTS, Variant, as_written


@pytest.fixture(params=VARIANTS, ids=lambda variant: variant.__name__)
def variant(request: pytest.FixtureRequest) -> Variant:
    chosen: Variant = request.param
    return chosen


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_verdict_is_that_of_the_fixture(case: Case, variant: Variant) -> None:
    codes = [finding.code for finding in case.report.findings]
    found = [finding.code for finding in report(variant(case.text)).findings]
    assert found == codes


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_all_that_is_promised_of_fixes_holds(case: Case, variant: Variant) -> None:
    held(variant(case.text))


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_a_rule_fixes_as_often_as_it_says(case: Case) -> None:
    fixability = {rule.code: rule.fixable for rule in RULES}
    for finding in case.report.findings:
        if fixability[finding.code] is Fixability.ALWAYS:
            assert finding.fixes
        if fixability[finding.code] is Fixability.NEVER:
            assert not finding.fixes


@pytest.mark.parametrize("code", CODES)
def test_most_cases_of_a_fixable_rule_are_mended(code: str) -> None:
    """A fix that is offered now and then is no fix: at least half of a rule's fixtures get theirs."""
    found = [finding for case in FAULTY for finding in case.report.findings if finding.code == code]
    fixable = next(rule.fixable for rule in RULES if rule.code == code)
    mended = sum(bool(finding.fixes) for finding in found)
    assert fixable is not Fixability.ALWAYS or mended == len(found)
    assert fixable is not Fixability.SOMETIMES or 2 * mended >= len(found)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.code in CODES], ids=lambda rule: rule.name)
def test_the_example_on_the_page_is_mended(rule: Rule) -> None:
    """What the page of a rule shows as the mistake is without findings when it is fixed; where there is no fix it says why."""
    text = chosen(rule, "Example")
    if rule.fixable is Fixability.NEVER:
        assert re.match(r"(?:There is no fix|No fix is offered): ", section(rule, "Fix safety"))
        return
    assert any(finding.fixes for finding in report(text).findings)
    assert held(text).report.findings == ()


def test_most_rules_have_a_fix() -> None:
    fixable = [rule for rule in RULES if rule.fixable is not Fixability.NEVER]
    assert len(fixable) >= 90, "at least 40 are asked for"


def test_variants_differ() -> None:
    text = "import a\n\nfor b in a:\n    if b:\n        b.step()\n"
    written = {variant(text) for variant in VARIANTS}
    assert len(written) == len(VARIANTS)
    for other in written - {as_written(text)}:
        ast.parse(other)
