"""Published packages are checked as a whole: what is said of them is what was read and judged, and no file is too much.

`python -m tests.ecosystem.test_ecosystem` prints what is found in the form of accepted.toml.
"""

from __future__ import annotations

import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from trainlint.commands.pool import examine_all, processors
from trainlint.configuration import Configuration
from trainlint.discovery import Target, discover
from trainlint.finding import Report, Status
from trainlint.settings import Settings

from tests.ecosystem.distributions import DISTRIBUTIONS, Distribution, unpacked

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ACCEPTED = Path(__file__).with_name("accepted.toml")
VERDICTS = {
    "real": "a mistake in that code",
    "meant": "what is said is true, and its author wants it so: a test of the very thing",
    "wrong": "a false alarm",
}
FILES_PER_FALSE_ALARM = 200
"""The bound for well-kept repositories, over all files with training code."""

Key = tuple[str, int, str]
"""(path, line, code)"""


@cache
def reports() -> dict[Distribution, dict[str, Report]]:
    """The report of every file, by its path in its distribution."""
    targets: list[Target] = []
    homes: list[tuple[Distribution, Path]] = []
    for distribution in DISTRIBUTIONS:
        top = unpacked(distribution)
        for target in discover([str(top)], Configuration(fixed=Settings())):
            assert isinstance(target, Target), target
            targets.append(target)
            homes.append((distribution, top))
    found: dict[Distribution, dict[str, Report]] = {distribution: {} for distribution in DISTRIBUTIONS}
    outcomes = examine_all(targets, None, processors())
    for (distribution, top), target, outcome in zip(homes, targets, outcomes, strict=True):
        found[distribution][Path(target.path).relative_to(top).as_posix()] = outcome.report
    return found


def accepted() -> list[dict[str, object]]:
    entries: list[dict[str, object]] = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))["finding"]
    return entries


def findings(distribution: Distribution) -> dict[Key, str]:
    return {
        (path, finding.span.start.line, finding.code): finding.message
        for path, report in reports()[distribution].items()
        for finding in report.findings
    }


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=str)
def test_what_is_found_is_what_was_read_and_judged(distribution: Distribution) -> None:
    expected = {
        (entry["path"], entry["line"], entry["code"]) for entry in accepted() if entry["distribution"] == distribution.name
    }
    found = findings(distribution)
    new = {key: message for key, message in found.items() if key not in expected}
    lost = expected - found.keys()
    assert not new and not lost, f"new, to be read and judged: {new}; lost: {lost}"


def test_no_file_is_too_much() -> None:
    """No file makes the analysis fail or give up. A message to the caller names the file."""
    statuses = [status for found in reports().values() for report in found.values() for status in report.files]
    assert not [one for one in statuses if one.status in (Status.FAILED, Status.UNREADABLE)]
    assert not [one for one in statuses if "too large" in one.reason]
    assert Counter(status.status for status in statuses)[Status.ANALYSED] > 400


def test_every_accepted_finding_has_its_verdict() -> None:
    entries = accepted()
    assert {entry["distribution"] for entry in entries} <= {distribution.name for distribution in DISTRIBUTIONS}
    for entry in entries:
        assert entry["verdict"] in VERDICTS, entry
        assert len(str(entry["why"])) > 15, entry


def test_false_alarms_are_rare() -> None:
    training = sum(
        status.status is not Status.SKIPPED
        for found in reports().values()
        for report in found.values()
        for status in report.files
    )
    wrong = [entry for entry in accepted() if entry["verdict"] == "wrong"]
    assert len(wrong) * FILES_PER_FALSE_ALARM <= training


def show() -> None:
    for distribution in DISTRIBUTIONS:
        for (path, line, code), message in sorted(findings(distribution).items()):
            known = [
                e
                for e in accepted()
                if (e["distribution"], e["path"], e["line"], e["code"]) == (distribution.name, path, line, code)
            ]
            verdict, why = (known[0]["verdict"], known[0]["why"]) if known else ("", message)
            print(f'[[finding]]\ndistribution = "{distribution.name}"\npath = "{path}"\nline = {line}\ncode = "{code}"')
            print(f'verdict = "{verdict}"\nwhy = "{why}"\n')


if __name__ == "__main__":
    show()
