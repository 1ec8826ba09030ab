"""What a fixture script expects: verdict and statuses in its docstring, findings in comments
on their lines.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from trainlint.probe.status import Judged
from trainlint.probe.verdict import ProbeReport

_LINE = re.compile(r"^([^:\n]+): (.+)$")
_EXPECT = re.compile(r"#\s*expect: ([A-Z0-9 ]+)")
_WORDS = ("verdict", "limit", "steps", "buffers", "reached", "stopped_by", "says")


@dataclass(frozen=True)
class Expectations:
    """`statuses` are patterns of names with "status" or "status 20%"; `findings` are codes
    with their lines.
    """

    words: dict[str, str]
    statuses: tuple[tuple[str, str], ...]
    findings: tuple[tuple[str, int], ...]


def read(path: Path) -> Expectations:
    source = path.read_text()
    docstring = ast.get_docstring(ast.parse(source)) or ""
    words: dict[str, str] = {}
    statuses = []
    for line in docstring.partition("\n\n")[2].splitlines():
        match = _LINE.match(line)
        assert match, f"{path}: {line!r}"
        if match[1] in _WORDS:
            words[match[1]] = match[2]
        else:
            statuses.append((match[1], match[2]))
    findings = [
        (code, number)
        for number, line in enumerate(source.splitlines(), 1)
        for match in _EXPECT.finditer(line)
        for code in match[1].split()
    ]
    return Expectations(words, tuple(statuses), tuple(sorted(findings)))


def compare(report: ProbeReport, expected: Expectations) -> None:
    """Every parameter, every finding, and the words that the fixture gives."""
    assert {each.seen.name: spoken(each) for each in report.parameters} == wanted(report.parameters, expected)
    assert report.verdict.value == expected.words["verdict"]
    found = sorted((each.code, each.span.start.line) for each in report.findings)
    assert found == list(expected.findings), [each.message for each in report.findings]
    if "limit" in expected.words:
        assert report.limit == expected.words["limit"]
    if "steps" in expected.words:
        assert report.steps == int(expected.words["steps"])
    if "stopped_by" in expected.words:
        assert report.stopped_by == expected.words["stopped_by"]
    changed = {each.name for each in report.buffers if each.changed}
    assert changed == set(expected.words.get("buffers", "").split())
    for part in expected.words.get("says", "").split(" & "):
        assert part in f"{report.sentence} {report.advice}"


def spoken(each: Judged) -> str:
    return each.status.value if each.fraction > 0.995 else f"{each.status.value} {each.fraction:.0%}"


def wanted(parameters: Sequence[Judged], expected: Expectations) -> dict[str, str]:
    """The status of each parameter by the first pattern that fits; patterns that fit none come
    as they are.
    """
    result: dict[str, str] = {}
    unused = dict(expected.statuses)
    for each in parameters:
        for pattern, status in expected.statuses:
            if fnmatchcase(each.seen.name, pattern.replace("[", "[[]")):
                unused.pop(pattern, None)
                loose = "%" not in status and status == each.status.value and status != "learned"
                result[each.seen.name] = spoken(each) if loose else status
                break
        else:
            result[each.seen.name] = "not expected"
    return {**result, **unused}
