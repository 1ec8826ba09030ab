"""The terminal output, to the character."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainlint.finding import Applicability, Edit, FileStatus, Finding, Fix, Related, Report, Severity, Status
from trainlint.output.colour import Palette, wants_colour
from trainlint.output.text import notices, render, statistics, summary
from trainlint.source.text import SourceText

from tests.output.sample import CLEAR, FULL, TRAIN, finding, span


def shown(text: str, *findings: Finding) -> str:
    return render(Report(findings), {"train.py": SourceText(text)})


def test_a_finding_with_its_source_its_related_place_and_its_fixes() -> None:
    assert shown(TRAIN, FULL.findings[0]) == (
        "train.py:4:5: TRN101 `optimizer.step()` applies gradients that were already applied\n"
        "  |\n"
        "4 |     optimizer.step()\n"
        "  |     ^^^^^^^^^^^^^^^^ warning: missing-zero-grad\n"
        "note: train.py:1:1: this loop never clears the gradients\n"
        "  |\n"
        "1 | for x, y in loader:\n"
        "  | -------------------\n"
        "help: Insert `optimizer.zero_grad()`\n"
        "help: Move the call\n"
        "\n"
    )


def test_the_gutters_of_one_finding_are_of_one_width() -> None:
    text = "for x in y:\n" + "    f()\n" * 9 + "    step()\n"
    loop = (Related("train.py", span(1, 1, 1, 11), "here"),)
    _, bar, line, _, _, other_bar, other, _, _ = shown(text, finding(span(11, 5, 11, 11), "m", related=loop)).splitlines()
    assert (bar, line, other_bar, other) == ("   |", "11 |     step()", "   |", " 1 | for x in y:")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_are_not_shown(end: str) -> None:
    assert shown(TRAIN.replace("\n", end), *FULL.findings) == shown(TRAIN, *FULL.findings)


def test_a_place_without_its_text_is_named_and_not_shown() -> None:
    assert render(Report((finding(span(4, 5, 4, 21), path="elsewhere.py"),)), {}) == (
        "elsewhere.py:4:5: TRN101 `optimizer.step()` applies gradients that were already applied\n\n"
    )


def test_a_span_of_several_lines_is_marked_on_each() -> None:
    text = "x = 1\nloss = f(\n    a,\n\n    b,\n).mean()\n"
    assert shown(text, finding(span(2, 8, 6, 2), "m")) == (
        "train.py:2:8: TRN101 m\n"
        "  |\n"
        "2 | loss = f(\n"
        "  |        ^^\n"
        "3 |     a,\n"
        "  |     ^^\n"
        "4 |\n"
        "  | ^\n"
        "5 |     b,\n"
        "  |     ^^\n"
        "6 | ).mean()\n"
        "  | ^ warning: missing-zero-grad\n"
        "\n"
    )


def test_a_long_span_is_shown_by_its_ends() -> None:
    text = "".join(f"line{number}()\n" for number in range(1, 13))
    assert shown(text, finding(span(2, 1, 11, 8), "m")) == (
        "train.py:2:1: TRN101 m\n"
        "   |\n"
        " 2 | line2()\n"
        "   | ^^^^^^^\n"
        " 3 | line3()\n"
        "   | ^^^^^^^\n"
        " 4 | line4()\n"
        "   | ^^^^^^^\n"
        " 5 | line5()\n"
        "   | ^^^^^^^\n"
        ".. |\n"
        "11 | line11()\n"
        "   | ^^^^^^^ warning: missing-zero-grad\n"
        "\n"
    )


def marked(line: str, start: int, end: int) -> tuple[str, str]:
    """The source line and the mark under it, without gutter and label."""
    _, _, source, mark, *_ = shown(line + "\n", finding(span(1, start, 1, end), "m")).splitlines()
    return source.removeprefix("1 | "), mark.removeprefix("  | ").replace(" warning: missing-zero-grad", "")


@pytest.mark.parametrize(
    ("line", "start", "end", "source", "mark"),
    [
        ("\topt.step()", 2, 12, "    opt.step()", "    ^^^^^^^^^^"),
        ("a\t\tb", 4, 5, "a       b", "        ^"),
        ("abc\td", 4, 5, "abc d", "   ^"),
        ("s = '日本'; opt.step()", 11, 21, "s = '日本'; opt.step()", "            ^^^^^^^^^^"),
        ("s = '日本'", 6, 8, "s = '日本'", "     ^^^^"),
        ("s = '👍'; f()", 10, 13, "s = '👍'; f()", "          ^^^"),
        ("e = 'e\u0301'; f()", 11, 14, "e = 'e\u0301'; f()", "         ^^^"),
        ("日\tx", 3, 4, "日  x", "    ^"),
        ("f()", 4, 4, "f()", "   ^"),
        ("f()", 9, 12, "f()", "   ^"),
    ],
)
def test_the_mark_stands_under_its_characters(line: str, start: int, end: int, source: str, mark: str) -> None:
    assert marked(line, start, end) == (source, mark)


def test_what_would_harm_a_terminal_is_made_visible() -> None:
    source, mark = marked("s = '\x1b[31m\x07'; f(); '\u202e'", 14, 17)
    assert source == "s = '␛[31m␇'; f(); '�'"
    assert mark == "             ^^^"
    text = render(Report((finding(span(1, 1, 1, 2), "say \x1b[2J", path="a\n\x1bb.py"),)), {})
    assert text == "a␊␛b.py:1:1: TRN101 say ␛[2J\n\n"


def test_a_very_long_line_is_cut_around_the_mark() -> None:
    line = "x = [" + "1, " * 2_000 + "opt.step(), " + "2, " * 2_000 + "]"
    start = line.index("opt") + 1
    source, mark = marked(line, start, start + 10)
    assert len(source) == 162
    assert source.startswith("…")
    assert source.endswith("…")
    assert source[mark.index("^") : mark.index("^") + len(mark.strip())] == "opt.step()"


def test_colour_adds_nothing_but_escapes() -> None:
    sources = {"train.py": SourceText(TRAIN)}
    plain, coloured = render(FULL, sources), render(FULL, sources, Palette(True))
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain
    assert "\x1b[1;33mTRN101\x1b[0m" in coloured
    assert "\x1b[1;31mTRN201\x1b[0m" in coloured
    assert "\x1b" not in plain


@pytest.mark.parametrize(
    ("terminal", "environment", "wanted"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_who_gets_colour(terminal: bool, environment: dict[str, str], wanted: bool) -> None:
    assert wants_colour(terminal, environment) is wanted


@given(
    st.text("ab \t\n\r\x0c\x1b\x00é日👍\u0301\u200d\u202e#'", max_size=60),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_any_text_is_shown_without_harm_and_the_same_with_colour(text: str, one: int, other: int) -> None:
    source = SourceText(text)
    where = source.span(min(one, other, len(text)), min(max(one, other), len(text)))
    report = Report((finding(where, text),))
    plain = render(report, {"train.py": source})
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", plain)
    coloured = render(report, {"train.py": source}, Palette(True))
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain


SAFE = Fix("Call `.train()`", Applicability.SAFE, (Edit(span(1, 1, 1, 2), "x"),))
UNRESOLVED = Fix("Rebuild it", Applicability.SAFE, None)


@pytest.mark.parametrize(
    ("fixes", "line"),
    [
        ([()], "Found 1 mistake in 1 file."),
        ([(CLEAR,)], "Found 1 mistake in 1 file (1 fixable with --fix --unsafe-fixes)."),
        ([(SAFE,), ()], "Found 2 mistakes in 1 file (1 fixable with --fix)."),
        (
            [(CLEAR,), (SAFE,)],
            "Found 2 mistakes in 1 file (1 fixable with --fix, 1 more with --unsafe-fixes).",
        ),
        ([(CLEAR, SAFE)], "Found 1 mistake in 1 file (1 fixable with --fix)."),
        ([(UNRESOLVED,)], "Found 1 mistake in 1 file."),
    ],
)
def test_the_summary_counts_what_can_be_fixed(fixes: list[tuple[Fix, ...]], line: str) -> None:
    report = Report(tuple(finding(span(1, 1, 1, 2), fixes=several) for several in fixes))
    assert summary(report) == line + "\n"


def files(*statuses: Status) -> Report:
    return Report(files=tuple(FileStatus(f"{number}.py", status) for number, status in enumerate(statuses)))


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (files(Status.ANALYSED, Status.SKIPPED), "No mistakes found in 1 file with training code."),
        (files(Status.SKIPPED, Status.SKIPPED), "No training code found in 2 files."),
        (
            files(Status.ANALYSED, Status.PARTIAL),
            "No mistakes found in 2 files with training code (1 understood only in part: --verbose says why).",
        ),
    ],
)
def test_the_summary_of_a_clean_run_says_what_was_looked_at(report: Report, line: str) -> None:
    assert summary(report) == line + "\n"


def test_notices_tell_what_was_not_checked() -> None:
    assert notices(FULL) == [
        "big.py: not checked: it has more than 20,000 lines",
        "old.py: not checked: line 1: invalid syntax",
        "odd.py: trainlint itself failed here, which is a defect of trainlint; "
        "please open an issue with the output of --verbose: KeyError: 'x'",
    ]
    _, part, _, odd = notices(FULL, verbose=True)
    assert part == "part.py: understood in part: line 3: what `engine` does is out of sight"
    assert odd.endswith("\n  somewhere\nKeyError: 'x'")


def test_what_a_finding_says_is_not_said_again() -> None:
    unreadable = FileStatus("a.py", Status.UNREADABLE, "line 1: invalid syntax")
    assert notices(Report((finding(span(1, 1, 1, 1), path="a.py"),), (unreadable,))) == []


def test_statistics_count_by_rule() -> None:
    many = tuple(finding(span(1, 1, 1, 2), severity=Severity.INFO) for _ in range(10))
    report = Report((finding(span(1, 1, 1, 2), code="TRN104", name="missing-step"), *many))
    assert statistics(report) == "10  TRN101  missing-zero-grad\n 1  TRN104  missing-step\n"
