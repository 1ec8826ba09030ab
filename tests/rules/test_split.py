"""Fixtures as two files: functions and classes moved to one that the rest imports them from. What is found stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainlint.engine import check
from trainlint.source.document import Document
from trainlint.source.workspace import Workspace

from tests.rules.cases import CASES, Case, settings
from tests.rules.parting import split

OF_ONE_FILE = frozenset({"TRN002/bytes_handed_over.bad.py"})
"""What a function of another file is given is not followed into it."""

SPLIT = [
    pytest.param(case, parts, id=case.name)
    for case in CASES
    if case.name not in OF_ONE_FILE and (parts := split(case.text)) is not None
]


@pytest.mark.parametrize(("case", "parts"), SPLIT)
def test_what_is_found_stays(case: Case, parts: tuple[str, str, set[int]], tmp_path: Path) -> None:
    main, helpers, away = parts
    (tmp_path / "main.py").write_text(main, encoding="utf-8")
    (tmp_path / "helpers.py").write_text(helpers, encoding="utf-8")
    here, there, through = set(), set(), []
    for name, text, found in (("main.py", main, here), ("helpers.py", helpers, there)):
        report = check(Document(str(tmp_path / name), text), Workspace(roots=[str(tmp_path)]), settings=settings(case.text))
        for finding in report.findings:
            if finding.message.startswith(("in helpers.py, ", "in main.py, ")):
                through.append((finding.related[0].span.start.line, finding.code))
            else:
                found.add((finding.span.start.line, finding.code))
    expected = {(finding.span.start.line, finding.code) for finding in case.report.findings}
    assert here == {place for place in expected if place[0] not in away}
    assert there | set(through) == {place for place in expected if place[0] in away}
    assert not there & set(through)


def test_most_fixtures_with_functions_are_split() -> None:
    assert len(SPLIT) > 50
