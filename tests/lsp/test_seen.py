"""What a run showed, while its text is edited: it moves with its code and goes when that changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainlint.finding import Confidence, Finding, Origin, Related, Severity
from trainlint.lsp.seen import Seen
from trainlint.source.document import Document
from trainlint.source.text import Position, Span

PATH = "/train.py"
TEXT = """\
import torch
optimizer = build()
for x in data:
    loss = model(x)
    loss.backward()
    optimizer.step()

print("done")
"""


def span(line: int, end: int | None = None) -> Span:
    return Span(Position(line, 5), Position(end or line, 9))


def seen(line: int, related: int | None = None, text: str = TEXT, place: Span | None = None) -> Seen:
    places = (Related(PATH, span(related), "here"),) if related else ()
    finding = Finding(
        "TRN101",
        "missing-zero-grad",
        Severity.WARNING,
        Confidence.CERTAIN,
        "m",
        PATH,
        place or span(line),
        source=Origin.PROBE,
        related=places,
    )
    return Seen.of(Document(PATH, text), [finding])


def lines(moved: Seen) -> list[int]:
    return [finding.span.start.line for finding in moved.findings]


def edited(at: int, *new: str, removed: int = 0, text: str = TEXT) -> Document:
    """`TEXT` with `new` lines before line `at`, in place of `removed` ones."""
    old = text.split("\n")
    return Document(PATH, "\n".join([*old[: at - 1], *new, *old[at - 1 + removed :]]))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (edited(1), [6]),
        (edited(1, "import os", "import re"), [8]),
        (edited(1, removed=1), [5]),
        (edited(3, "# before the loop"), [7]),
        (edited(8, "print('almost')", removed=1), [6]),
        (edited(9, "print('more')"), [6]),
        (edited(6, "    optimizer.step()  # now", removed=1), []),
        (edited(6, removed=1), []),
        (edited(5, "    optimizer.zero_grad()"), []),
        (edited(4, "    optimizer.zero_grad()"), []),
        (edited(7, "    optimizer.zero_grad()"), []),
        (edited(3, "for x, y in data:", removed=1), []),
        (Document(PATH, ""), []),
    ],
)
def test_a_finding_in_a_loop_lives_as_long_as_the_loop_stays(document: Document, expected: list[int]) -> None:
    assert lines(seen(6).moved(document)) == expected


def test_a_finding_outside_of_loops_lives_as_long_as_its_lines() -> None:
    assert lines(seen(2).moved(edited(4, "    x = x.float()"))) == [2]
    assert lines(seen(2).moved(edited(3, "model.train()"))) == [2]
    assert lines(seen(2).moved(edited(2, "optimizer = other()", removed=1))) == []


def test_a_related_place_moves_by_itself_and_counts_as_much() -> None:
    (moved,) = seen(8, related=2).moved(edited(3, "", "")).findings
    assert (moved.span.start.line, moved.related[0].span.start.line) == (10, 2)
    assert lines(seen(8, related=2).moved(edited(2, "optimizer = other()", removed=1))) == []


def test_what_speaks_of_no_line_goes_with_any_change() -> None:
    nowhere = seen(1, place=Span(Position(1, 1), Position(1, 1)))
    assert lines(nowhere.moved(Document(PATH, TEXT, 2))) == [1]
    for at in range(1, 10):
        assert lines(nowhere.moved(edited(at, "pass"))) == []


def test_a_text_that_cannot_be_parsed_has_lines_all_the_same() -> None:
    broken = TEXT + "def\n"
    assert lines(seen(9, text=broken).moved(edited(1, "", text=broken))) == [10]


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["", "a", "    b", "for i in j:"]), st.integers(0, 3))))
def test_what_is_left_still_stands_on_its_line(edits: list[tuple[int, str, int]]) -> None:
    held, text = seen(6, related=5), TEXT
    for at, new, removed in edits:
        document = edited(at, new, removed=removed, text=text)
        held, text = held.moved(document), document.text
        for finding in held.findings:
            assert document.source.line(finding.span.start.line) == "    optimizer.step()"
            assert document.source.line(finding.related[0].span.start.line) == "    loss.backward()"
