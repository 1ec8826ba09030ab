"""Holds the analysis against what optimizers were given: `python -m tests.oracle.hold --every 5 --family rates`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from trainlint.engine import check
from trainlint.source.document import Document
from trainlint.source.workspace import Workspace

from tests.oracle.given import FAMILIES, MAIN, PARTS, Program, programs
from tests.oracle.receive import CODES, verdict


@dataclass
class Outcome:
    programs: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    """How many programs must be told each code, or nothing."""
    disagreements: list[tuple[str, str]] = field(default_factory=list)
    """(family, what was said and what should have been)"""

    def __str__(self) -> str:
        lines = [f"{self.programs} programs", f"verdicts: {dict(sorted(self.verdicts.items()))}"]
        families = Counter(family for family, _ in self.disagreements)
        return "\n".join([*lines, f"disagreements: {len(self.disagreements)} {dict(families)}"])


def hold(chosen: Iterable[Program]) -> Outcome:
    """Runs and analyses every program."""
    outcome = Outcome()
    for program in chosen:
        demanded = verdict(program)
        files = {f"/{MAIN}": Document(f"/{MAIN}", program.main), f"/{PARTS}": Document(f"/{PARTS}", program.parts)}
        report = check(files[f"/{MAIN}"], Workspace(files))
        found = {(one.span.start.line, one.code) for one in report.findings if one.code in CODES}
        must = {claim for group in demanded.must for claim in group}
        outcome.programs += 1
        outcome.verdicts.update({code for _, code in must} or {"clean"})
        if found - demanded.tolerated or must - found:
            said = f"said {sorted(found)}, must be {sorted(must)}"
            outcome.disagreements.append((program.family, f"{said}\n{program.main}\n# {PARTS}\n{program.parts}"))
    return outcome


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.hold", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every n-th program")
    parser.add_argument("--offset", type=int, default=0, help="start at this one")
    parser.add_argument("--family", action="append", choices=[family.__name__ for family in FAMILIES])
    parser.add_argument("--show", type=int, default=5, help="print that many disagreements")
    options = parser.parse_args(arguments)
    chosen = (one for one in programs() if not options.family or one.family in options.family)
    outcome = hold(islice(chosen, options.offset, None, options.every))
    for family, shown in outcome.disagreements[: options.show]:
        print(family, shown, sep="\n", end="\n\n")
    print(outcome)
    return 1 if outcome.disagreements else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
