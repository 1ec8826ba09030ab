"""What a fixture script expects: verdict and statuses in its docstring, findings in comments
on their lines.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from trainlint.probe.status import Judged
from trainlint.probe.verdict import ProbeReport

_LINE = re.compile(r"^([^:\n]+): (.+)$")
_EXPECT = re.compile(r"#\s*expect: ([A-Z0-9 ]+)")
_WORDS = ("verdict", "limit", "steps", "buffers", "reached", "stopped_by", "says", "unplaced", "confirms")
_RUN = ("arguments", "cwd", "device", "wall_s")


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
    docstring = textwrap.dedent(source.split('"""')[1])
    words: dict[str, str] = {}
    statuses = []
    for line in docstring.strip().partition("\n\n")[2].splitlines():
        match = _LINE.match(line)
        assert match, f"{path}: {line!r}"
        if match[1] in (*_WORDS, *_RUN):
            words[match[1]] = match[2]
        else:
            statuses.append((match[1], match[2]))
    findings = [
        (code, number)
        for number, line in enumerate(source.splitlines(), 1)
        for match in _EXPECT.finditer(line)
        for code in match[1].split()
    ]
    findings += [(code, 1) for code in words.get("unplaced", "").split()]
    return Expectations(words, tuple(statuses), tuple(sorted(findings)))


def requested(path: Path, expected: Expectations) -> dict[str, Any]:
    """How the fixture wants to be run: the fields of the protocol's `Run`, and its working directory."""
    words = expected.words
    return {
        "script": str(path),
        "arguments": words.get("arguments", "").split(),
        "cwd": str(path.parent if "cwd" in words else path.parents[3]),
        "device": words.get("device"),
        "wall_s": float(words.get("wall_s", "30")),
    }


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
    if "reached" in expected.words:
        assert report.reached == expected.words["reached"]
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
