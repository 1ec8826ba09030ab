"""How much of real training code is understood: the share of training loops in which nothing is lost from sight.

    python benchmarks/sight.py FOLDER [FOLDER ...]

A training loop is an innermost loop in which a backward or an optimizer's step runs. It is understood when no call
in it could, for all the analysis knows, compute, clear or apply the gradients of one of its parameter sets.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from trainlint.analysis.sight import training_loops
from trainlint.cancel import CancelFlag
from trainlint.program.program import build
from trainlint.program.relevance import TRAINING_WORDS
from trainlint.source.parse import Unreadable, parse, word_filter
from trainlint.source.text import SourceText


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--blinders", type=int, default=15, help="how many of the commonest reasons to print")
    arguments = parser.parse_args()
    training = word_filter(TRAINING_WORDS)
    for folder in arguments.folders:
        files = loops = understood = 0
        reasons: Counter[str] = Counter()
        for path in sorted(folder.rglob("*.py")):
            source = SourceText(path.read_text(errors="replace"))
            if not training.search(source.text):
                continue
            try:
                program = build(parse(source), CancelFlag())
            except Unreadable:
                continue
            files += 1
            for loop in training_loops(program):
                loops += 1
                understood += loop.understood
                reasons.update(loop.blinders)
        share = f"{understood / loops:.0%}" if loops else "none"
        print(f"{folder.name}: {files} files with training words, {loops} training loops, understood in full: {share}")
        for reason, count in reasons.most_common(arguments.blinders):
            print(f"    {count:4}  {reason}")


if __name__ == "__main__":
    main()
