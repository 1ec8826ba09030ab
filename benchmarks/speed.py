"""What a check costs, beside bare `ast.parse` of the same files and beside other linters; how it grows, where the time goes.

    python benchmarks/speed.py FOLDER [FOLDER ...] [--torchfix PATH] [--ruff PATH]

Times are of the processor, the best of several runs. TorchFix and ruff run as programs on the same files; what starting them on
an empty file costs is taken off. Every file is checked by itself, without the files that it imports.
"""

from __future__ import annotations

import argparse
import ast
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

from growing import GROWING
from trainlint.analysis.facts import Facts
from trainlint.cancel import CancelFlag
from trainlint.engine import check
from trainlint.finding import Status
from trainlint.program.index import Index
from trainlint.program.program import build
from trainlint.program.relevance import MODEL_WORDS, TRAINING_WORDS
from trainlint.source.document import Document
from trainlint.source.parse import Unreadable, parse, word_filter

_RUNS = 3
_SIZES = (8, 16, 32, 64, 128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--torchfix", default=shutil.which("torchfix"), help="the program, if it is not on the path")
    parser.add_argument("--ruff", default=shutil.which("ruff"), help="the program, if it is not on the path")
    parser.add_argument("--slowest", type=int, default=5, help="how many files to name")
    arguments = parser.parse_args()
    training, others = _documents(arguments.folders)
    programs = {"torchfix": arguments.torchfix, "ruff": arguments.ruff}
    _beside("with training words", training, programs)
    _beside("with a backward and a step", [one for one in training if ".backward(" in one.text and ".step(" in one.text], {})
    _without_training(others)
    _large(training)
    _phases(training)
    _slowest(training, arguments.slowest)
    _growth()


def _documents(folders: list[Path]) -> tuple[list[Document], list[Path]]:
    """The files with training words that can be parsed, and the paths of those without."""
    words = word_filter(TRAINING_WORDS | MODEL_WORDS)
    training, others = [], []
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        document = Document(str(path), path.read_text(errors="replace"))
        if not words.search(document.text):
            others.append(path)
            continue
        try:
            parse(document.source)
        except Unreadable:
            continue
        training.append(document)
    return training, others


def _beside(kind: str, documents: list[Document], programs: dict[str, str | None]) -> None:
    if not documents:
        return
    lines = sum(document.text.count("\n") for document in documents)
    bare = _best(lambda: [_parse(document) for document in documents])
    print(f"\n{len(documents)} files {kind}, {lines:,} lines\n")
    print(f"{'':<18}{'ms for 1,000 lines':>20}{'times ast.parse':>18}")
    _row("ast.parse", bare, bare, lines)
    _row("trainlint check", _best(lambda: [_check(document) for document in documents]), bare, lines)
    for name, program in programs.items():
        if program is None:
            print(f"{name:<18}not found")
            continue
        options = {"ruff": ["check", "--isolated", "--no-cache", "--quiet"], "torchfix": ["--select", "ALL", "-j", "1"]}[name]
        _row(name, _program([program, *options], documents), bare, lines)


def _row(name: str, seconds: float, bare: float, lines: int) -> None:
    print(f"{name:<18}{1_000_000 * seconds / lines:>20.1f}{seconds / bare:>18.2f}")


def _program(command: list[str], documents: list[Document]) -> float:
    """Seconds of the processor that a program needs for copies of the documents, less those for an empty file."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as empty:
        for number, document in enumerate(documents):
            Path(folder, f"file{number}.py").write_text(document.text, encoding="utf-8", errors="replace")
        Path(empty, "empty.py").touch()

        def run(where: str) -> float:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([*command, where], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

        return max(run(folder) - min(run(empty), run(empty)), 0.0)


def _without_training(paths: list[Path]) -> None:
    """Files without training words beside the cost of reading them."""
    texts: list[tuple[str, str]] = []
    reading = _best(lambda: texts.__setitem__(slice(None), [(str(path), path.read_text(errors="replace")) for path in paths]))
    checking = _best(lambda: [check(Document(path, text)) for path, text in texts])
    lines = sum(text.count("\n") for _, text in texts) or 1
    print(f"\n{len(paths)} files without training words, {lines:,} lines\n")
    print(f"{'reading':<18}{1_000_000 * reading / lines:9.2f} ms")
    print(f"{'trainlint check':<18}{1_000_000 * checking / lines:9.2f} ms{checking / max(reading, 1e-9):9.2f} times reading")


def _large(documents: list[Document]) -> None:
    """Scripts of about 1,000 and 1,500 lines, as a server checks them at every pause of the typing."""
    print("\nScripts of one size: milliseconds of one check\n")
    print(f"{'lines':<18}{'scripts':>9}{'median':>9}{'slowest':>9}")
    for least, most in ((800, 1200), (1300, 1700)):
        chosen = [document for document in documents if least <= document.text.count("\n") <= most]
        if chosen:
            times = sorted(1000 * _best(lambda document=document: _check(document)) for document in chosen)
            print(f"{f'{least:,} to {most:,}':<18}{len(times):>9}{median(times):>9.1f}{times[-1]:>9.1f}")


def _phases(documents: list[Document]) -> None:
    spent = dict.fromkeys(("parse", "index", "lower", "follow gradients", "other facts, rules, fixes"), 0.0)
    cancel = CancelFlag()
    for document in documents:
        tree = parse(document.source)
        program = build(tree, cancel)
        spent["parse"] += (parsing := _best(lambda document=document: parse(document.source)))
        spent["index"] += (indexing := _best(lambda tree=tree: Index().add(tree)))
        spent["lower"] += (lowering := max(_best(lambda tree=tree: build(tree, cancel)) - indexing, 0.0))
        following = _best(lambda document=document, program=program: Facts(document, program, cancel).protocols)
        spent["follow gradients"] += following
        whole = _best(lambda document=document: check(document))
        spent["other facts, rules, fixes"] += max(whole - parsing - indexing - lowering - following, 0.0)
    total = sum(spent.values())
    print("\nWhere the time goes\n")
    for phase, seconds in spent.items():
        print(f"{phase:<28}{seconds / total:7.0%}")


def _slowest(documents: list[Document], count: int) -> None:
    print("\nThe slowest files, beside their own ast.parse\n")
    times = [(_best(lambda document=document: _check(document)), document) for document in documents]
    for seconds, document in sorted(times, key=lambda pair: -pair[0])[:count]:
        bare = _best(lambda document=document: _parse(document))
        lines = document.text.count("\n")
        print(f"{1000 * seconds:8.1f} ms{seconds / bare:8.1f} x{lines:8} lines  {os.path.relpath(document.path)}")


def _growth() -> None:
    """Generated programs, each twice the size of the one before: milliseconds, and times `ast.parse`."""
    print("\nGrowth: milliseconds (times ast.parse)\n")
    print(f"{'':<12}" + "".join(f"{size:>14}" for size in _SIZES))
    for grow in GROWING:
        cells = []
        for size in _SIZES:
            document = Document("growing.py", grow(size))
            seconds = _best(lambda document=document: _check(document))
            ratio = seconds / _best(lambda document=document: _parse(document))
            cells.append(f"{1000 * seconds:.1f} ({ratio:.0f}x)")
        print(f"{grow.__name__:<12}" + "".join(f"{cell:>14}" for cell in cells))


def _parse(document: Document) -> None:
    ast.parse(document.text)


def _check(document: Document) -> None:
    report = check(Document(document.path, document.text))
    if report.files[0].status is Status.FAILED:
        raise SystemExit(f"{document.path}: {report.files[0].reason}")


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_RUNS):
        start = process_time()
        work()
        times.append(process_time() - start)
    return min(times)


if __name__ == "__main__":
    main()
