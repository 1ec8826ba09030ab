"""Correct loops of published packages, broken by one statement: all that is promised of fixes holds of the ones offered there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from trainlint.engine import check
from trainlint.finding import Report
from trainlint.source.document import Document
from trainlint.source.workspace import Files, Workspace

from benchmarks.mutations import Mutant, Mutator
from tests.ecosystem.distributions import DISTRIBUTIONS, Distribution, unpacked
from tests.rules.mending import held


@dataclass(frozen=True)
class Broken:
    path: Path
    mutant: Mutant
    report: Callable[[str], Report]


def broken(distribution: Distribution) -> Iterator[Broken]:
    """Mutants that a fix is offered for, of the files in which nothing is found as they are; the same ones every time."""
    top, files = unpacked(distribution), Files()
    for path in sorted(top.rglob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        mutants = list(Mutator(text).all())[:: 1 if EVERYTHING else EVERY[distribution.name]] if "backward(" in text else []
        if not mutants or (len(text) > LARGEST and not EVERYTHING):
            continue

        @cache
        def report(text: str, path: Path = path) -> Report:
            document = Document(str(path), text)
            return check(document, Workspace({os.path.abspath(path): document}, (str(top),), files))

        if not report(text).findings:
            yield from (Broken(path, one, report) for one in mutants if any(f.fixes for f in report(one.text).findings))


EVERYTHING = os.environ.get("TRAINLINT_HARNESS") == "all"
EVERY = {"accelerate": 6, "avalanche-lib": 4, "opacus": 12, "skorch": 1, "stable-baselines3": 2, "timm": 1}
"""Every how manieth mutant of a file is taken: all of them take many minutes."""
LARGEST = 50_000
"""Characters; beyond it are tests of optimizers."""


def test_all_that_is_promised_of_fixes_holds() -> None:
    seen, wrong = 0, []
    for one in (one for distribution in DISTRIBUTIONS if distribution.name in EVERY for one in broken(distribution)):
        seen += 1
        try:
            held(one.mutant.text, one.report)
        except AssertionError as error:
            wrong.append(f"{one.mutant.kind} at {one.path}:{one.mutant.line}: {str(error)[:2000]}")
    assert not wrong, "\n\n".join(wrong)
    assert seen >= 30, "what is to be held is still there"
