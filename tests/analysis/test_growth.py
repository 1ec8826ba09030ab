"""The work of a check grows no faster than the text: counted in calls of functions, which are the same in every run."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from trainlint.engine import check
from trainlint.finding import Status
from trainlint.source.document import Document

GROWING = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "growing.py"))["GROWING"]
# Calls are followed so many levels down that a chain of fewer than twice as many costs less for each of them.
SMALL, LARGE = 48, 192


@pytest.mark.parametrize("grow", GROWING, ids=lambda grow: str(grow.__name__))
def test_work_grows_no_faster_than_the_text(grow: Callable[[int], str]) -> None:
    assert _calls(grow(LARGE)) < 1.1 * LARGE / SMALL * _calls(grow(SMALL))


def _calls(text: str) -> int:
    """How many functions of Python are called to check `text`, once what is remembered for the whole process is known."""
    document = Document("growing.py", text)
    assert check(document).files[0].status is not Status.FAILED
    count = 0

    def observe(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(observe)
    try:
        check(document)
    finally:
        sys.setprofile(before)
    return count
