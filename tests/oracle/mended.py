"""Fixes on programs that are run: `python -m tests.oracle.mended --every 50` applies them and looks at what torch then does.

All programs are gone through with `--every 1`. With `--log FILE` each of them leaves a line there, and those that have one
are not looked at again: a run that was broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from trainlint.engine import check
from trainlint.finding import Finding, Report
from trainlint.fixes.apply import apply_edits
from trainlint.fixes.resolve import resolved
from trainlint.source.document import Document

from tests.oracle.compare import judged
from tests.oracle.expect import CODES, Claim, Verdict, agree
from tests.oracle.generate import FAMILIES, Program, programs, spelled
from tests.oracle.instrument import Compiled
from tests.oracle.judge import Judge, JudgeError, Situation, Step
from tests.oracle.programs import Block, Node, Op, spell
from tests.oracle.situations import situations
from tests.rules.mending import all_fixes, every_fix, held, held_in_a_tangle

Trace = list[tuple[int, frozenset[tuple[int, int]], frozenset[tuple[int, int]]]]
"""For each step in order: its optimizer, and which backwards it applies, fresh ones and those applied before."""


@lru_cache(maxsize=4096)
def report(text: str) -> Report:
    return check(Document("program.py", text))


def judgeable(text: str) -> Report:
    """What the judge can see: it reads whole gradients, so a loss that a fix divides is beyond it."""
    whole = report(text)
    return replace(whole, findings=tuple(finding for finding in whole.findings if finding.code in CODES))


@dataclass
class Harness:
    """What is promised of fixes, of any arrangement of calls: with each of them alone and with all, the program is run.

    `gone` counts the fixes after which their finding is gone. The others are in vain before another mistake is mended: they
    are taken back where they are applied, and the user is told.
    """

    judge: Judge
    programs: int = 0
    fixes: int = 0
    gone: int = 0
    wrong: list[tuple[Program, str]] = field(default_factory=list)
    _verdicts: dict[tuple[str, tuple[tuple[Situation, ...], ...]], Verdict] = field(default_factory=dict)

    def look(self, program: Program) -> str | None:
        """What is wrong with the fixes of `program`; None where nothing is."""
        self.programs += 1
        try:
            wrong = self._look(program)
        except (AssertionError, RuntimeError, NameError) as error:
            wrong = str(error) or "a promise is broken"
        if wrong is not None:
            self.wrong.append((program, wrong))
        return wrong

    def _look(self, program: Program) -> str | None:
        if not report(program.text).findings:
            return None
        held_in_a_tangle(program.text, report)
        before = Counter(finding.code for finding in report(program.text).findings)
        for mended in every_fix(program.text, judgeable):
            self.fixes += 1
            left = report(mended.after).findings
            self.gone += Counter(finding.code for finding in left)[mended.finding.code] < before[mended.finding.code]
            wrong = self._disagreement(program, mended.after, left)
            if wrong is not None:
                return f"{mended.fix.title}\n{wrong}"
        fixed = all_fixes(program.text, judgeable)
        return self._disagreement(program, fixed.text, fixed.report.findings) if fixed.applied else None

    def _disagreement(self, program: Program, text: str, findings: Iterable[Finding]) -> str | None:
        """What the runs of a fixed text show and it is not told, or the other way round."""
        key = text, program.readings
        if key not in self._verdicts:
            self._verdicts[key] = judged(self.judge, replace(program, text=text))
        verdict = self._verdicts[key]
        must = frozenset(frozenset(map(_alike, group)) for group in verdict.must)
        said = [replace(one, code=_alike((0, one.code))[1]) for one in findings]
        disagreement = agree(text, Verdict(must, frozenset(map(_alike, verdict.may))), said)
        return str(disagreement) if disagreement is not None else None

    def __str__(self) -> str:
        return f"{len(self.wrong)} of {self.programs} are wrong; the finding is gone after {self.gone} of {self.fixes} fixes"


def _alike(claim: Claim) -> Claim:
    """Why a step has nothing to apply is asked elsewhere; here it is asked whether it has."""
    line, code = claim
    return line, "TRN105" if code in ("TRN103", "TRN106") else code


def trace(judge: Judge, text: str, chosen: Iterable[Situation]) -> list[Trace]:
    """What the steps of a program apply, in each situation: everything that a run makes of the weights."""
    compiled = Compiled(text)
    runs = (judge.run(compiled, situation) for situation in chosen)
    return [[(one.optimizer, one.fresh, one.stale) for one in run.events if isinstance(one, Step)] for run in runs]


@dataclass(frozen=True)
class Broken:
    """A correct program, and what is left of it without one operation."""

    family: str
    kind: str
    text: str
    twin: str
    situations: tuple[Situation, ...]


def broken(every: int = 1, offset: int = 0, families: Sequence[str] | None = None) -> Iterator[Broken]:
    """Every operation of every program taken out in turn; a backward leaves its loss behind."""
    for family, block, spelling in islice(spelled(), offset, None, every):
        if families and family not in families:
            continue
        twin = spell(block, spelling)
        for kind, rest in without_one(block):
            text = spell(rest, spelling)
            if text != twin:
                yield Broken(family, kind, text, twin, situations(block)[0])


def without_one(block: Block) -> Iterator[tuple[str, Block]]:
    for index, node in enumerate(block):
        if isinstance(node, Op) and node.kind in "ZBS":
            rest: Block = (Op("L", node.who),) if node.kind == "B" else ()
            yield node.kind, (*block[:index], *rest, *block[index + 1 :])
        yield from ((kind, (*block[:index], inner, *block[index + 1 :])) for kind, inner in _inside(node))


def _inside(node: Node) -> Iterator[tuple[str, Node]]:
    for name in (one.name for one in fields(node)):
        block = getattr(node, name)
        if isinstance(block, tuple):
            for kind, rest in without_one(block):
                if rest or name != "body":
                    yield kind, replace(node, **{name: rest})


KINDS = {"Z": "clear", "B": "backward", "S": "step"}


@dataclass
class Restored:
    """How the first fix of each broken program turned out, by the operation that was missing."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    failed: list[tuple[Broken, str]] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(f"{KINDS[kind]:10} {dict(counts)}" for kind, counts in self.counts.items())


def restore(chosen: Iterable[Broken]) -> Restored:
    """Of correct programs: broken, named, mended by the first fix, and run beside what they were."""
    restored = Restored()
    correct: dict[str, bool] = {}
    with Judge().session() as judge:
        for one in chosen:
            if one.twin not in correct:
                correct[one.twin] = _is_correct(judge, one)
            if not correct[one.twin]:
                continue
            fixes = [fix for finding in report(one.text).findings for fix in finding.fixes]
            counts = restored.counts[one.kind]
            counts["broken"] += 1
            if not fixes:
                continue
            after = apply_edits(one.text, resolved(fixes[0], one.text).edits or ())
            counts["fixed"] += 1
            clean = _holds(one.text, after)
            same = _runs_alike(judge, after, one)
            counts["clean"] += clean
            counts["equivalent"] += same
            if not (clean and same):
                restored.failed.append((one, after))
    return restored


def _holds(text: str, after: str) -> bool:
    """Everything that is promised holds of the fixes, and nothing is found after the first."""
    try:
        held(text, report)
    except AssertionError:
        return False
    return not report(after).findings


def _runs_alike(judge: Judge, after: str, one: Broken) -> bool:
    try:
        return trace(judge, after, one.situations) == trace(judge, one.twin, one.situations)
    except (JudgeError, RuntimeError, NameError):
        return False


def _is_correct(judge: Judge, one: Broken) -> bool:
    """Nothing must be said of the program, nothing is, and every step of it applies something fresh and nothing else."""
    if report(one.twin).findings:
        return False
    try:
        traces = trace(judge, one.twin, one.situations)
    except JudgeError:
        return False
    steps = [step for steps in traces for step in steps]
    return bool(steps) and all(fresh and not stale for _, fresh, stale in steps)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.mended", description=__doc__)
    parser.add_argument("--every", type=int, default=50, help="take every n-th program")
    parser.add_argument("--offset", type=int, default=0, help="start at this one")
    parser.add_argument("--family", action="append", choices=[family.__name__ for family in FAMILIES])
    parser.add_argument("--log", help="note down here the programs that are in order, and go past them the next time")
    parser.add_argument("--restore", action="store_true", help="break correct programs instead")
    parser.add_argument("--show", type=int, default=5, help="print that many failures")
    options = parser.parse_args(arguments)
    if options.restore:
        restored = restore(broken(options.every, options.offset, options.family))
        for one, after in restored.failed[: options.show]:
            print(f"--- {one.family} {one.kind}\n{one.twin}--- becomes\n{after}\n")
        print(restored)
        return 0
    log = Path(options.log) if options.log else None
    done = set(map(int, log.read_text().split())) if log is not None and log.exists() else set()
    with Judge().session() as judge:
        harness = Harness(judge)
        of_family = (p for p in programs() if not options.family or p.family in options.family)
        for number, program in islice(enumerate(of_family), options.offset, None, options.every):
            if number in done or not program.trains:
                continue
            wrong = harness.look(program)
            if wrong is not None and len(harness.wrong) <= options.show:
                print(f"--- {program.family}\n{program.text}\n{wrong}\n", flush=True)
            if log is not None and wrong is None:
                with log.open("a") as lines:
                    lines.write(f"{number}\n")
    print(harness)
    return 1 if harness.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
