"""Comments silence what they name, where they stand, and nothing else."""

from __future__ import annotations

import time

import pytest
from trainlint.source.suppress import Suppressions
from trainlint.source.text import Position, Span


def silenced(text: str, line: int, last: int | None = None, code: str = "TRN101") -> bool:
    span = Span(Position(line, 1), Position(last or line, 5))
    return Suppressions.of(text).suppresses(code, "missing-zero-grad", span)


@pytest.mark.parametrize(
    "comment",
    [
        "# trainlint: ignore[TRN101]",
        "#trainlint:ignore[TRN101]",
        "# Trainlint: Ignore[trn101]",
        "# trainlint: ignore[TRN104, TRN101] the reason",
        "# trainlint: ignore[missing-zero-grad]",
        "# trainlint: ignore[TRN1]",
        "# type: ignore  # trainlint: ignore[TRN101]",
        "# noqa: TRN101",
        "# NOQA:TRN101",
        "# noqa: E501, TRN101",
        "# noqa: E501 TRN101 the reason",
    ],
)
def test_a_comment_with_the_code_silences_its_line(comment: str) -> None:
    text = f"opt.step()  {comment}\nopt.step()\n"
    assert silenced(text, 1)
    assert not silenced(text, 2)


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: E501",
        "# trainlint: ignore",
        "# trainlint: ignore[]",
        "# trainlint: ignore[TRN104]",
        "# trainlint: ignore[missing-step]",
        "# trainlint: ignored[TRN101]",
        "# flake8: noqa",
        "# noqa : this TRN101 is not a list of codes",
    ],
)
def test_a_blanket_or_foreign_comment_silences_nothing(comment: str) -> None:
    assert not silenced(f"opt.step()  {comment}\n", 1)


@pytest.mark.parametrize(
    "text",
    [
        's = "# trainlint: ignore[TRN101]"\n',
        's = """\n# trainlint: ignore-file\n"""; opt.step()\n',
        "s = '# noqa: TRN101'; opt.step()\n",
    ],
)
def test_strings_are_not_comments(text: str) -> None:
    assert not any(silenced(text, line) for line in range(1, text.count("\n") + 1))


def test_a_comment_on_the_first_or_last_line_of_the_finding_counts() -> None:
    text = "step(  # noqa: TRN101\n  1,\n  2,\n)\nnext()\n"
    assert silenced(text, 1, 4)
    assert silenced(text.replace("  # noqa: TRN101", "").replace(")\nnext", ")  # noqa: TRN101\nnext"), 1, 4)


def test_a_comment_at_the_end_of_the_statement_counts_for_a_finding_inside() -> None:
    text = "a = 1\nloss = criterion(\n    softmax(x),\n    y,\n)  # trainlint: ignore[TRN101]\nb = 2\n"
    assert silenced(text, 3)
    assert not silenced(text, 1)
    assert not silenced(text, 6)


def test_a_comment_inside_a_statement_counts_for_its_own_line_only() -> None:
    text = "loss = criterion(\n    a,  # noqa: TRN101\n    b,\n)\n"
    assert silenced(text, 2)
    assert not silenced(text, 3)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_shift_the_line(end: str) -> None:
    text = end.join(["x = 1", "opt.step()  # noqa: TRN101", "opt.step()", ""])
    assert [silenced(text, line) for line in (1, 2, 3)] == [False, True, False]


@pytest.mark.parametrize(
    ("comment", "first", "second"),
    [
        ("# trainlint: ignore-file", True, True),
        ("# trainlint: ignore-file[TRN101]", True, False),
        ("# trainlint: ignore-file[TRN1]", True, True),
        ("# trainlint: ignore-file[missing-zero-grad] because", True, True),
        ("# trainlint: ignore-files", False, False),
    ],
)
def test_a_file_is_silenced_for_all_or_for_codes(comment: str, first: bool, second: bool) -> None:
    text = f"import torch\n{comment}\nopt.step()\n"
    assert silenced(text, 3) is first
    assert silenced(text, 3, code="TRN104") is second


@pytest.mark.parametrize("typed", ["x = foo(", "def f(:", 'x = "abc', "  bad\n dedent", "x = '''abc"])
def test_half_typed_text_keeps_what_was_silenced(typed: str) -> None:
    text = f"opt.step()  # noqa: TRN101\n{typed}\nopt.step()  # trainlint: ignore[TRN101]\n"
    assert silenced(text, 1)
    if not typed.endswith("'''abc"):
        assert silenced(text, text.count("\n"))


def test_a_text_without_a_mark_is_not_tokenized(monkeypatch: pytest.MonkeyPatch) -> None:
    import tokenize

    monkeypatch.setattr(tokenize, "generate_tokens", lambda readline: pytest.fail("tokenized"))
    assert not silenced("opt.step()  # a comment, noqa\n" * 10, 1)


def test_many_marks_are_read_once_in_reasonable_time() -> None:
    text = "opt.step(x)  # noqa: TRN101\n" * 5_000
    suppressions = Suppressions.of(text)
    start = time.perf_counter()
    for line in range(1, 5_001):
        assert suppressions.suppresses("TRN101", "", Span(Position(line, 1), Position(line, 2)))
    assert time.perf_counter() - start < 2
