"""From one text to another: the edits between them."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import pairwise

from ..finding import Edit
from ..source.text import SourceText


def difference(source: SourceText, new: str) -> tuple[Edit, ...]:
    """The edits, of whole lines, that make `source` into the text `new`."""
    return tuple(Edit(source.span(start, end), text) for start, end, text in line_changes(source, new))


def line_changes(source: SourceText, new: str) -> Iterator[tuple[int, int, str]]:
    """As `difference`, by offsets."""
    old_lines, new_lines = _lines(source), _lines(SourceText(new))
    starts = [*source.line_starts, len(source.text)]
    for tag, first, last, begin, end in SequenceMatcher(None, old_lines, new_lines, autojunk=False).get_opcodes():
        if tag != "equal":
            yield starts[first], starts[last], "".join(new_lines[begin:end])


def narrowed(old: str, start: int, end: int, new: str) -> tuple[int, int, str]:
    """The change of `old` between two offsets to `new` without what it leaves as it is at either side."""
    replaced = old[start:end]
    head = _alike(replaced, new)
    tail = _alike(replaced[head:][::-1], new[head:][::-1])
    return start + head, end - tail, new[head : len(new) - tail]


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _lines(source: SourceText) -> list[str]:
    starts = [*source.line_starts, len(source.text)]
    return [source.text[start:end] for start, end in pairwise(starts)]
