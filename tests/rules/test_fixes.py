"""Every fix of every fixture: applied, parsed, checked again, and applied again to no effect."""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest
from trainlint.finding import Applicability
from trainlint.rules import RULES, Fixability

from tests.rules.cases import CODES, FAULTY, Case, report
from tests.rules.mending import all_fixes, every_fix
from tests.rules.variants import VARIANTS, Variant, as_written, windows


@pytest.fixture(params=VARIANTS, ids=lambda variant: variant.__name__)
def variant(request: pytest.FixtureRequest) -> Variant:
    chosen: Variant = request.param
    return chosen


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_verdict_is_that_of_the_fixture(case: Case, variant: Variant) -> None:
    text = variant(case.text)
    found = [finding.code for finding in report(text).findings]
    assert found == [finding.code for finding in case.report.findings]


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_each_fix_alone(case: Case, variant: Variant) -> None:
    text = variant(case.text)
    for mended in every_fix(text):
        ast.parse(mended.after)
        left = Counter((finding.code, finding.span.start.line) for finding in report(mended.after).findings)
        allowed = Counter(
            (finding.code, mended.moved(finding.span.start.line))
            for finding in report(text).findings
            if finding != mended.finding
        )
        assert not left - allowed, f"{mended.fix.title}:\n{mended.after}"


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_nothing_outside_the_edits_changes(case: Case, variant: Variant) -> None:
    text = variant(case.text)
    for mended in every_fix(text):
        rest, reached = mended.after, 0
        for start, end, new in mended.replacements():
            kept = text[reached:start]
            assert rest.startswith(kept + new)
            rest, reached = rest[len(kept) + len(new) :], end
        assert rest == text[reached:]


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_all_fixes_converge(case: Case, variant: Variant) -> None:
    fixed = all_fixes(variant(case.text))
    assert [finding.code for finding in fixed.report.findings if finding.fixes] == []
    assert fixed.refused == ()
    again = all_fixes(fixed.text)
    assert (again.text, again.applied) == (fixed.text, ())


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_line_ends_are_kept(case: Case) -> None:
    fixed = all_fixes(windows(case.text)).text
    assert re.search(r"(?<!\r)\n|\r(?!\n)", fixed) is None
    assert "\r" not in all_fixes(case.text).text


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_fixes_say_what_they_change(case: Case) -> None:
    fixability = {rule.code: rule.fixable for rule in RULES}
    for finding in case.report.findings:
        if fixability[finding.code] is Fixability.ALWAYS:
            assert finding.fixes
        if fixability[finding.code] is Fixability.NEVER:
            assert not finding.fixes
        for fix in finding.fixes:
            assert fix.edits
            assert fix.title[0].isupper()
            assert not fix.title.endswith(".")
            assert fix.title.endswith("(changes training)") == (fix.applicability is Applicability.UNSAFE)


@pytest.mark.parametrize("code", CODES)
def test_most_cases_of_a_fixable_rule_are_mended(code: str) -> None:
    """A fix that is offered now and then is no fix: at least half of a rule's fixtures get theirs."""
    found = [finding for case in FAULTY for finding in case.report.findings if finding.code == code]
    fixable = next(rule.fixable for rule in RULES if rule.code == code)
    mended = sum(bool(finding.fixes) for finding in found)
    assert fixable is not Fixability.ALWAYS or mended == len(found)
    assert fixable is not Fixability.SOMETIMES or 2 * mended >= len(found)


def test_variants_differ() -> None:
    text = "import a\n\nfor b in a:\n    b.step()\n"
    written = {variant(text) for variant in VARIANTS}
    assert len(written) == len(VARIANTS)
    for other in written - {as_written(text)}:
        ast.parse(other)
