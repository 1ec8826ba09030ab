"""Renaming, importing otherwise, wrapping and logging change nothing that is said about a program."""

from __future__ import annotations

import ast
import contextlib
import io
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
from trainlint.engine import check
from trainlint.source.document import Document

from tests.oracle.compare import judged
from tests.oracle.expect import Claim, Verdict
from tests.oracle.generate import Program, programs
from tests.oracle.judge import Judge
from tests.oracle.metamorphic import REWRITES, Rewrite, Rewritten, numbered, on_a_board, rewrite, unchanged
from tests.rules.cases import CASES, Case, settings

EVERY = (*REWRITES, numbered)
FIXTURES = tuple(case for case in CASES if "trainlint: ignore" not in case.text and "noqa" not in case.text)
"""Comments do not survive a rewrite, so files that are silenced by one are left out."""
OF_ONE_SCOPE = frozenset({"TRN109", "TRN320"})
"""Rules that speak of objects only where one function or script holds them from their making to their last use."""
DIVIDING = frozenset({"with_parameters", "in_class"})
"""Rewrites that divide one scope into several."""
NOT_THE_SAME = frozenset({("prefixed", "TRN401/option_decorator.bad.py")})
"""The names of its parameters are those of the options."""
IMPORTS_LATER = "/keras_on_"
"""Imports behind the first statement, which chooses a backend: they would go into the function, and classes miss them."""


@cache
def generated() -> tuple[Program, ...]:
    return tuple(program for number, program in enumerate(programs()) if number % 67 == 5)


def difference(path: str, text: str, changed: Rewritten) -> str | None:
    """What is said of the rewritten text and not of the original, or the other way round."""
    chosen = settings(text)
    before = unchanged(text).claims(check(Document(path, text), settings=chosen).findings)
    after = changed.claims(check(Document(path, changed.text), settings=chosen).findings)
    if before == after:
        return None
    return f"{path}: lost {sorted((before - after), key=str)}, new {sorted((after - before), key=str)}\n{changed.text}"


def name(rewriting: Rewrite) -> str:
    return rewriting.__name__


@pytest.mark.parametrize("rewriting", EVERY, ids=name)
def test_generated_programs_are_judged_alike(rewriting: Rewrite) -> None:
    rewritten = [(program.text, rewrite(program.text, rewriting)) for program in generated()]
    applied = [(text, changed) for text, changed in rewritten if changed is not None]
    different = [text for one in applied if (text := difference("program.py", *one))]
    assert len(applied) > 50
    assert not different, f"{len(different)} of {len(applied)}\n\n" + "\n\n".join(different[:3])


@pytest.mark.parametrize("rewriting", REWRITES, ids=name)
def test_fixtures_are_judged_alike(rewriting: Rewrite) -> None:
    rewritten: list[tuple[Case, Rewritten | None]] = [(case, rewrite(case.text, rewriting)) for case in FIXTURES]
    divides = name(rewriting) in DIVIDING
    applied = [
        (case, changed)
        for case, changed in rewritten
        if changed is not None
        and not (divides and any(code in case.text for code in OF_ONE_SCOPE))
        and (name(rewriting), case.name) not in NOT_THE_SAME
        and not (name(rewriting) == "in_function" and IMPORTS_LATER in case.name)
    ]
    different = [text for case, changed in applied if (text := difference(case.name, case.text, changed))]
    assert len(applied) > 50
    assert not different, f"{len(different)} of {len(applied)}\n\n" + "\n\n".join(different[:3])


@pytest.fixture
def judge() -> Iterator[Judge]:
    with Judge().session() as judge:
        yield judge


def led_back(verdict: Verdict, changed: Rewritten) -> set[frozenset[tuple[int | None, str]]]:
    def back(claims: frozenset[Claim]) -> frozenset[tuple[int | None, str]]:
        return frozenset((changed.origin.get(line), code) for line, code in claims)

    return {back(group) for group in verdict.must} | {back(verdict.may)}


@pytest.mark.parametrize("rewriting", [one for one in EVERY if one is not on_a_board], ids=name)
def test_rewritten_programs_do_the_same(judge: Judge, rewriting: Rewrite) -> None:
    """The rewrites themselves are right: on torch the new program does what the old one did."""
    applied = 0
    for program in generated()[::9]:
        changed = rewrite(program.text, rewriting)
        if changed is None:
            continue
        applied += 1
        before = judged(judge, program)
        with contextlib.redirect_stdout(io.StringIO()):
            after = judged(judge, replace(program, text=changed.text))
        assert led_back(after, changed) == led_back(before, unchanged(program.text)), changed.text
    assert applied > 5


def test_a_rewrite_that_changes_the_training_is_noticed() -> None:
    """Where nothing is cleared any more, much else is said."""

    def spoiled(tree: ast.Module) -> ast.Module:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "zero_grad":
                node.attr = "state_dict"
        return tree

    changed = [(program.text, rewrite(program.text, spoiled)) for program in generated() if ".zero_grad(" in program.text]
    noticed = [text for text, new in changed if new and difference("program.py", text, new)]
    assert len(noticed) > 0.3 * len(changed) > 30
