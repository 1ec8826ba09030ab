"""Fixes applied to a text: together where they do not meet, taken back where they do harm, never forever."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import pytest
from trainlint.finding import (
    Applicability,
    Confidence,
    Edit,
    FileStatus,
    Finding,
    Fix,
    Report,
    Severity,
    Status,
)
from trainlint.fixes.apply import ROUNDS, Check, Refusal, apply_edits, fix_text
from trainlint.source.text import SourceText

Describe = Callable[[SourceText, "re.Match[str]"], tuple[Fix, ...]]


def checker(pattern: str, fixes: Describe) -> Check:
    """A check that finds every `pattern`, with the fixes that `fixes` makes for it."""

    def check(text: str) -> Report:
        try:
            ast.parse(text)
        except SyntaxError:
            return Report(files=(FileStatus("a.py", Status.UNREADABLE, "syntax"),))
        source = SourceText(text)
        findings = tuple(
            Finding(
                "TRN101",
                "missing-zero-grad",
                Severity.WARNING,
                Confidence.CERTAIN,
                f"`{match.group()}`",
                "a.py",
                source.span(*match.span()),
                fingerprint=match.group(),
                fixes=fixes(source, match),
            )
            for match in re.finditer(pattern, text)
        )
        return Report(findings, (FileStatus("a.py", Status.ANALYSED),))

    return check


def replaced(new: str, applicability: Applicability = Applicability.SAFE) -> Describe:
    """A fix that replaces the match; backslash groups of `new` are those of the match."""

    def describe(source: SourceText, match: re.Match[str]) -> tuple[Fix, ...]:
        return (Fix("t", applicability, (Edit(source.span(*match.span()), match.expand(new)),)),)

    return describe


def edit(source: SourceText, start: int, end: int, text: str) -> Edit:
    return Edit(source.span(start, end), text)


def test_edits_are_made_at_once_by_their_place_in_the_old_text() -> None:
    source = SourceText("é👍 = 1\r\nb = 2\r\n")
    places = [(8, 9, "c"), (0, 2, "a"), (8, 8, "# "), (14, 15, "")]
    assert apply_edits(source.text, [edit(source, *place) for place in places]) == "a = 1\r\n# c = 2\r"
    assert apply_edits(source.text, []) == source.text


def test_equal_edits_count_once_and_overlapping_ones_are_refused() -> None:
    source = SourceText("abcdef")
    assert apply_edits("abcdef", [edit(source, 2, 2, "-"), edit(source, 2, 2, "-")]) == "ab-cdef"
    with pytest.raises(ValueError, match="overlap"):
        apply_edits("abcdef", [edit(source, 0, 3, "x"), edit(source, 2, 4, "y")])


def test_safe_fixes_are_applied_and_unsafe_ones_wait_to_be_asked_for() -> None:
    check = checker(r"bad\d", replaced("good", Applicability.UNSAFE))
    kept = fix_text("bad1\nbad2\n", check)
    assert (kept.text, len(kept.applied)) == ("bad1\nbad2\n", 0)
    assert [refused.reason for refused in kept.refused] == [Refusal.UNSAFE, Refusal.UNSAFE]
    fixed = fix_text("bad1\nbad2\n", check, unsafe=True)
    assert (fixed.text, len(fixed.applied), fixed.refused) == ("good\ngood\n", 2, ())
    assert fixed.report.findings == ()


def test_of_several_fixes_the_safe_one_is_taken() -> None:
    def describe(source: SourceText, match: re.Match[str]) -> tuple[Fix, ...]:
        unsafe = replaced("worse", Applicability.UNSAFE)(source, match)
        return (*unsafe, Fix("t", Applicability.SAFE, None), *replaced("better")(source, match))

    assert fix_text("bad\n", checker("bad", describe), unsafe=True).text == "better\n"


def test_a_fix_without_edits_and_one_for_reading_are_not_applied() -> None:
    unresolved = checker("bad", lambda source, match: (Fix("t", Applicability.SAFE, None),))
    assert [refused.reason for refused in fix_text("bad\n", unresolved).refused] == [Refusal.UNRESOLVED]
    display = checker("bad", replaced("good", Applicability.DISPLAY))
    assert fix_text("bad\n", display, unsafe=True).text == "bad\n"
    assert fix_text("bad\n", display, unsafe=True).refused == ()


def test_fixes_that_do_not_meet_take_one_round() -> None:
    calls = []
    plain = checker(r"bad\d+", replaced("good"))

    def check(text: str) -> Report:
        calls.append(text)
        return plain(text)

    text = "".join(f"bad{number}\n" for number in range(50))
    assert fix_text(text, check).text == "good\n" * 50
    assert len(calls) == 2


def test_insertions_at_one_place_follow_each_other_and_equal_ones_are_shared() -> None:
    def describe(source: SourceText, match: re.Match[str]) -> tuple[Fix, ...]:
        inserted = edit(source, 0, 0, f"# {match.group()[0]}\n")
        return (Fix("t", Applicability.SAFE, (inserted, edit(source, *match.span(), "done"))),)

    fixed = fix_text("abad\nbbad\nabad2\n", checker(r"[ab]bad\d?", describe))
    assert fixed.text == "# b\n# a\ndone\ndone\ndone\n"
    assert len(fixed.applied) == 3


def test_one_fix_may_uncover_the_next() -> None:
    fixed = fix_text("bad5\n", checker(r"bad([1-9])", lambda s, m: replaced(f"bad{int(m[1]) - 1}")(s, m)))
    assert fixed.text == "bad0\n"
    assert len(fixed.applied) == 5


def test_a_text_that_never_settles_is_left_after_the_last_round() -> None:
    fixed = fix_text("bad1\n", checker(r"bad1+", replaced(r"\g<0>1")))
    assert fixed.text == "bad1" + "1" * ROUNDS + "\n"
    assert [refused.reason for refused in fixed.refused] == [Refusal.IN_THE_WAY]


def test_fixes_that_undo_each_other_are_not_applied() -> None:
    """Else another run would apply them again, from where the first one ended."""
    check = checker("ping|pong", lambda s, m: replaced("pong" if m.group() == "ping" else "ping")(s, m))
    for text in ("ping\n", "pong\n"):
        fixed = fix_text(text, check)
        assert (fixed.text, fixed.applied) == (text, ())
        assert [refused.reason for refused in fixed.refused] == [Refusal.UNDONE]


def test_what_was_fixed_before_a_circle_stays_fixed() -> None:
    turn = {"one": "ping", "ping": "pong", "pong": "ping"}
    fixed = fix_text("one\n", checker("one|ping|pong", lambda s, m: replaced(turn[m.group()])(s, m)))
    assert fixed.text == "ping\n"
    assert [finding.message for finding in fixed.applied] == ["`one`"]


def test_a_fix_that_leaves_its_finding_is_taken_back() -> None:
    def describe(source: SourceText, match: re.Match[str]) -> tuple[Fix, ...]:
        return (Fix("t", Applicability.SAFE, (edit(source, 0, 0, "x\n"),)),)

    fixed = fix_text("bad\n", checker("bad", describe))
    assert (fixed.text, fixed.applied) == ("bad\n", ())
    assert [refused.reason for refused in fixed.refused] == [Refusal.INEFFECTIVE]


@pytest.mark.parametrize("broken", ["bad1", "bad2", "bad3"])
def test_a_fix_that_breaks_the_text_does_not_keep_the_others_away(broken: str) -> None:
    check = checker(r"bad\d", lambda s, m: replaced("(" if m.group() == broken else "good")(s, m))
    words = ["bad1", "bad2", "bad3"]
    fixed = fix_text("\n".join(words), check)
    assert fixed.text.split() == [word if word == broken else "good" for word in words]
    assert len(fixed.applied) == 2
    (refused,) = fixed.refused
    assert (refused.finding.fingerprint, refused.reason) == (broken, Refusal.BROKEN)


def test_fixes_that_break_the_text_only_together_are_made_as_far_as_they_go() -> None:
    fixed = fix_text("def f():\n    bad1\n    bad2\n", checker(r"    bad\d\n", replaced("")))
    assert fixed.text == "def f():\n    bad2\n"
    assert [refused.reason for refused in fixed.refused] == [Refusal.BROKEN]


def test_a_text_that_does_not_parse_is_left_alone() -> None:
    fixed = fix_text("bad(\n", checker("bad", replaced("good")))
    assert (fixed.text, fixed.applied, fixed.refused) == ("bad(\n", (), ())


def test_applying_twice_is_applying_once() -> None:
    check = checker(r"bad\d", replaced("good"))
    once = fix_text("bad1\r\nbad2 = 3\r\n", check).text
    assert once == "good\r\ngood = 3\r\n"
    assert fix_text(once, check).text == once
