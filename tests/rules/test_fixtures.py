"""Every faulty fixture has exactly the findings it announces, every correct one none, and each
has its twin.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from trainlint.engine import check
from trainlint.finding import Confidence, Severity, Status
from trainlint.rules import RULES
from trainlint.source.document import Document

from tests.rules import twins
from tests.rules.cases import CASES, CODES, CORRECT, FAULTY, IDIOMS, OFF, ROOT, Case, expectations

LEAST_CASES = 4
LEAST_SPELLINGS = 3


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_exactly_the_announced_findings(case: Case) -> None:
    found = list(case.report.findings)
    missing = []
    for expectation in case.expectations:
        met = next((finding for finding in found if expectation.met_by(finding)), None)
        if met is None:
            missing.append(expectation)
        else:
            found.remove(met)
    unexpected = [f"{finding.span} {finding.code} {finding.message}" for finding in found]
    assert not missing, f"missing {missing}; instead {unexpected}"
    assert not unexpected


@pytest.mark.parametrize("case", CORRECT, ids=str)
def test_silence(case: Case) -> None:
    assert [f"{finding.span} {finding.code} {finding.message}" for finding in case.report.findings] == []


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_messages_speak_of_the_users_own_names(case: Case) -> None:
    words = set(re.findall(r"\w+", case.text))
    for finding in case.report.findings:
        for message in (finding.message, *(related.message for related in finding.related)):
            assert not message.endswith(".")
            for quoted in re.findall(r"`([^`]*)`", message):
                assert re.match(r"\w", quoted), message
                assert re.findall(r"\w+", quoted)[0] in words, message
        assert "`" in finding.message


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_nothing_is_louder_than_it_is_sure(case: Case) -> None:
    severity = {rule.code: rule.severity for rule in RULES}
    for finding in case.report.findings:
        assert finding.confidence is not Confidence.HEURISTIC
        if finding.confidence is Confidence.LIKELY:
            quiet = severity[finding.code] in (Severity.INFO, Severity.OFF)
            assert finding.severity is (severity[finding.code] if quiet else Severity.WARNING)
        else:
            assert finding.severity is severity[finding.code]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_fails(case: Case) -> None:
    assert [status for status in case.report.files if status.status in (Status.FAILED, Status.UNREADABLE)] == []


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_twin_is_one_statement_away(case: Case) -> None:
    assert case.twin_path.is_file()
    assert twins.difference(case.tree, case.twin.tree) is not None


@pytest.mark.parametrize("case", CORRECT, ids=str)
def test_silence_has_a_flagged_twin(case: Case) -> None:
    assert case.twin_path.is_file()


@pytest.mark.parametrize("case", FAULTY, ids=str)
def test_faulty_case_announces_its_rule(case: Case) -> None:
    codes = {expectation.code for expectation in case.expectations}
    assert codes
    assert case.folder == IDIOMS or case.folder in codes


@pytest.mark.parametrize("case", CORRECT, ids=str)
def test_correct_case_announces_nothing(case: Case) -> None:
    assert case.expectations == ()


@pytest.mark.parametrize("code", CODES)
def test_rule_has_enough_cases(code: str) -> None:
    count = sum(1 for _ in (ROOT / code).glob("*.bad.py"))
    assert count >= LEAST_CASES


@pytest.mark.parametrize("folder", sorted((ROOT / IDIOMS).iterdir()), ids=lambda folder: folder.name)
def test_idiom_has_enough_spellings(folder: Path) -> None:
    count = sum(case.path.parent == folder for case in CORRECT)
    assert count >= LEAST_SPELLINGS


def test_every_folder_of_a_code_has_a_rule() -> None:
    assert {path.name for path in ROOT.glob("TRN*")} == set(CODES)


@pytest.mark.parametrize("case", [case for case in FAULTY if case.folder in OFF], ids=str)
def test_a_rule_that_is_off_speaks_only_where_it_is_chosen(case: Case) -> None:
    assert check(Document(case.name, case.text)).findings == ()
    assert case.report.findings


def test_expectations_are_read() -> None:
    text = 'a.step()  # expect: TRN101 @1-9 "again"; TRN104\nb()\nc()  # expect: TRN108\n'
    first, second, third = expectations(text)
    assert (first.line, first.code, first.columns, first.message) == (1, "TRN101", (1, 9), "again")
    assert (second.line, second.code, second.columns, second.message) == (1, "TRN104", None, "")
    assert (third.line, third.code) == (3, "TRN108")
    with pytest.raises(ValueError, match="line 1"):
        list(expectations("a()  # expect: missing-step"))


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("a()\nb()\n", "a()\nb()\nc()\n", "added"),
        ("for i in x:\n    a()\n    b()\n", "for i in x:\n    b()\n", "removed"),
        ("a()\nb()\nc()\n", "b()\nc()\na()\n", "moved"),
        ("for i in x:\n    a()\n    b()\n", "for i in x:\n    a()\nb()\n", "moved"),
        ("a()\nb()\n", "a()\nb(1)\n", "changed"),
        ("if a:\n    b()\n", "if c:\n    b()\n", "changed"),
        ("a(); b()", "a()\nb()  # as before", None),
        ("a()\nb()\n", "c()\nd()\n", None),
        ("a()\nb()\n", "a(1)\nb()\nc()\n", None),
        ("for i in x:\n    a()\n    b()\n", "for i in x:\n    c()\na()\n", None),
        ("if a:\n    b()\n", "if a:\n    pass\nelse:\n    b()\n", None),
        ("try:\n    a()\nfinally:\n    b()\n", "try:\n    a()\n    b()\nfinally:\n    pass\n", None),
    ],
)
def test_distance_of_twins(one: str, other: str, kind: str | None) -> None:
    assert twins.difference(ast.parse(one), ast.parse(other)) == kind


def test_fixtures_are_written_for_every_supported_python() -> None:
    for case in CASES:
        ast.parse(case.text, feature_version=(3, 10))
    assert sys.version_info >= (3, 10)
