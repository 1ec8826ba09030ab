"""Holds the analysis against what the programs did: `python -m tests.oracle.compare --every 20 --family nested`."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from trainlint.engine import check
from trainlint.source.document import Document

from tests.oracle.expect import CODES, Disagreement, Verdict, agree, agree_on, expect
from tests.oracle.generate import FAMILIES, Program, programs
from tests.oracle.instrument import Compiled
from tests.oracle.judge import Judge
from tests.oracle.precise import Precise
from tests.rules.parting import findings_of_helpers, findings_of_main, split


def judged(judge: Judge, program: Program) -> Verdict:
    """The verdict that the program's own runs call for, under every reading of what may happen to it."""
    compiled = Compiled(program.text)
    verdicts = []
    for reading in program.readings:
        runs = [judge.run(compiled, situation) for situation in reading]
        verdict = expect(runs, compiled.broken)
        precise = Precise(program.text, runs, verdict.codes)
        verdicts.append(verdict.with_more(precise.must, precise.may))
    verdict = verdicts[0]
    for other in verdicts[1:]:
        verdict = verdict.merged(other)
    if not program.trains:
        return Verdict(frozenset(), verdict.tolerated)
    return verdict


@dataclass
class Outcome:
    programs: int = 0
    programs_of_two: int = 0
    """How many of them were held against the verdict as two files as well."""
    verdicts: Counter[str] = field(default_factory=Counter)
    """How many programs must be told each code, are clean, or are free (leave the analysis a choice)."""
    disagreements: list[tuple[str, Disagreement]] = field(default_factory=list)
    """(family, disagreement)"""
    seconds: dict[str, float] = field(default_factory=lambda: {"judge": 0.0, "analysis": 0.0})

    def count(self, verdict: Verdict) -> None:
        self.programs += 1
        self.verdicts.update(verdict.codes)
        if verdict.free:
            self.verdicts["free"] += 1
        elif not verdict.must:
            self.verdicts["clean"] += 1

    def __str__(self) -> str:
        kinds = Counter((d.kind, code) for _, d in self.disagreements for code in {code for _, code in d.claims})
        families = Counter(family for family, _ in self.disagreements)
        spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        lines = [
            f"{self.programs} programs, {self.programs_of_two} as two files too; {spent}",
            f"verdicts: {dict(sorted(self.verdicts.items()))}",
        ]
        lines.append(f"disagreements: {len(self.disagreements)} {dict(families.most_common())}")
        lines += [f"  {number:6} {kind} {code}" for (kind, code), number in kinds.most_common()]
        return "\n".join(lines)


def in_two_files(text: str) -> list[tuple[int, str]] | None:
    """What is found where functions and classes of the program lie in another file; None where it has none to move."""
    parts = split(text)
    if parts is None:
        return None
    main, helpers, _ = parts
    return sorted({*findings_of_main(main, helpers), *findings_of_helpers(main, helpers)})


def compare(chosen: Iterable[Program], split_every: int = 0) -> Outcome:
    """Runs and analyses every program, every `split_every`-th of those that can be split as two files too."""
    outcome = Outcome()
    gc.collect()
    gc.freeze()
    with Judge().session() as judge:
        for program in chosen:
            start = time.perf_counter()
            verdict = judged(judge, program)
            middle = time.perf_counter()
            report = check(Document("program.py", program.text))
            disagreement = agree(program.text, verdict, report.findings)
            if disagreement is None:
                outcome.programs_of_two += _hold_split(outcome, program, verdict, split_every)
            outcome.seconds["judge"] += middle - start
            outcome.seconds["analysis"] += time.perf_counter() - middle
            outcome.count(verdict)
            if disagreement is not None:
                outcome.disagreements.append((program.family, disagreement))
    gc.unfreeze()
    return outcome


def _hold_split(outcome: Outcome, program: Program, verdict: Verdict, every: int) -> bool:
    """The same verdict for the program as two files; whether it was one of those that are looked at."""
    if not every or outcome.programs % every:
        return False
    found = in_two_files(program.text)
    if found is None:
        return False
    disagreement = agree_on(program.text, verdict, frozenset(claim for claim in found if claim[1] in CODES))
    if disagreement is not None:
        outcome.disagreements.append((f"{program.family} in two files", disagreement))
    return True


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.compare", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every n-th program")
    parser.add_argument("--offset", type=int, default=0, help="start at this one")
    parser.add_argument("--family", action="append", choices=[family.__name__ for family in FAMILIES])
    parser.add_argument("--show", type=int, default=5, help="print that many disagreements")
    parser.add_argument("--kind", help='print only these: "false alarm", "missing alarm", "wrong place"')
    parser.add_argument("--split", type=int, default=0, metavar="N", help="look at every n-th one as two files as well")
    parser.add_argument("--code", help="print only those about this code")
    options = parser.parse_args(arguments)
    chosen = (p for p in programs() if not options.family or p.family in options.family)
    outcome = compare(islice(chosen, options.offset, None, options.every), options.split)
    shown = [
        disagreement
        for _, disagreement in outcome.disagreements
        if options.kind in (None, disagreement.kind)
        and (options.code is None or any(code == options.code for _, code in disagreement.claims))
    ]
    for disagreement in shown[: options.show]:
        print(disagreement, end="\n\n")
    print(outcome)
    return 1 if outcome.disagreements else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
