"""``trainlint rule`` and ``trainlint explain``."""

from __future__ import annotations

import json
from pathlib import Path

from trainlint.rules import RULES

from tests.cli.console import BAD, trainlint

ROOT = Path(__file__).parents[2]


def test_a_rule_is_explained_by_code_or_name(tmp_path: Path) -> None:
    page = trainlint("rule", "TRN101", cwd=tmp_path)
    assert page.status == 0
    assert page.out.startswith("# missing-zero-grad (TRN101)\n\nSeverity: warning. ")
    for heading in ("## Why it matters", "## Example", "## Use instead", "## Fix safety"):
        assert f"\n{heading}\n" in page.out
    assert trainlint("rule", "missing-zero-grad", cwd=tmp_path).out == page.out
    assert trainlint("rule", "trn101", cwd=tmp_path).out == page.out


def test_a_rule_for_programs(tmp_path: Path) -> None:
    rule = json.loads(trainlint("rule", "TRN101", "--output-format", "json", cwd=tmp_path).out)
    assert (rule["code"], rule["name"], rule["severity"]) == ("TRN101", "missing-zero-grad", "warning")
    assert rule["fix"] in ("always", "sometimes", "never")
    assert rule["doc"].startswith(rule["summary"])


def test_all_rules_are_listed(tmp_path: Path) -> None:
    lines = trainlint("rule", "--all", cwd=tmp_path).out.splitlines()
    assert [line.split()[:2] for line in lines] == [[rule.code, rule.name] for rule in RULES]
    listed = json.loads(trainlint("rule", "--all", "--output-format", "json", cwd=tmp_path).out)
    assert [rule["summary"] for rule in listed] == [rule.summary for rule in RULES]


def test_the_list_in_the_documentation_is_current(tmp_path: Path) -> None:
    listed = trainlint("rule", "--all", "--output-format", "markdown", cwd=tmp_path).out
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == listed


def test_a_terminal_is_given_the_page_in_colour(tmp_path: Path) -> None:
    page = trainlint("rule", "TRN101", cwd=tmp_path, env={"FORCE_COLOR": "1"}).out
    assert "\x1b[" in page
    assert "missing-zero-grad" in page


def test_explain_tells_what_is_seen_at_a_line(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(BAD)
    told = trainlint("explain", "train.py:13", cwd=tmp_path)
    assert told.status == 0
    assert "`optimizer`" in told.out
    assert "step" in told.out
    assert trainlint("explain", "train.py:13:9", cwd=tmp_path).out == told.out
    assert trainlint("explain", "train.py:1", cwd=tmp_path).status == 0
