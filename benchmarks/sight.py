"""How much of real training code is understood: the share of training loops in which nothing is lost from sight.

    python benchmarks/sight.py FOLDER [FOLDER ...]

A training loop is an innermost loop in which a backward or an optimizer's step runs. It is understood when no call
in it could, for all the analysis knows, compute, clear or apply the gradients of one of its parameter sets. Imports are followed
into the other files of the folder; `--alone` looks at each file by itself.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from pathlib import Path

from trainlint.analysis.sight import training_loops
from trainlint.cancel import CancelFlag
from trainlint.program.program import build
from trainlint.program.relevance import TRAINING_WORDS
from trainlint.source.document import Document
from trainlint.source.parse import Unreadable, parse, word_filter
from trainlint.source.workspace import Files, Workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--blinders", type=int, default=15, help="how many of the commonest reasons to print")
    parser.add_argument("--alone", action="store_true", help="follow no imports")
    parser.add_argument("--where", action="store_true", help="print the loops that are not understood")
    arguments = parser.parse_args()
    training = word_filter(TRAINING_WORDS)
    every = [0, 0]
    for folder in arguments.folders:
        shared = Files()
        files = loops = understood = 0
        reasons: Counter[str] = Counter()
        for path in sorted(folder.rglob("*.py")):
            document = Document(os.path.abspath(path), path.read_text(errors="replace"))
            if not training.search(document.text):
                continue
            workspace = None if arguments.alone else Workspace({document.path: document}, (os.path.abspath(folder),), shared)
            try:
                program = build(parse(document.source), CancelFlag(), workspace, document.path)
            except Unreadable:
                continue
            files += 1
            for loop in training_loops(program):
                loops += 1
                understood += loop.understood
                reasons.update(loop.blinders)
                if arguments.where and loop.blinders:
                    print(f"    {path}:{getattr(loop.node, 'lineno', 0)}: {', '.join(loop.blinders[:3])}")
        every = [every[0] + loops, every[1] + understood]
        share = f"{understood / loops:.0%}" if loops else "none"
        print(f"{folder.name}: {files} files with training words, {loops} training loops, understood in full: {share}")
        for reason, count in reasons.most_common(arguments.blinders):
            print(f"    {count:4}  {reason}")
    if every[0]:
        print(f"all: {every[0]} training loops, understood in full: {every[1] / every[0]:.0%}")


if __name__ == "__main__":
    main()
