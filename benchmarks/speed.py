"""What a check costs, beside bare `ast.parse` of the same files and beside other linters; how it grows, where the time goes.

    python benchmarks/speed.py FOLDER [FOLDER ...] [--torchfix PATH] [--ruff PATH]

Times are of the processor, the best of several runs; what is compared is run in turn. TorchFix and ruff run as programs on the
same files; what starting them on an empty file costs is taken off. Every file is checked by itself, without the files that it
imports, but for the keystrokes, which are typed with the folder it was found in as the workspace, too.
"""

from __future__ import annotations

import argparse
import ast
import math
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

from growing import GROWING
from lsprotocol import types
from trainlint.analysis.facts import Facts
from trainlint.cancel import CancelFlag
from trainlint.engine import check
from trainlint.finding import Status
from trainlint.lsp.client import Client
from trainlint.lsp.folders import Folders
from trainlint.lsp.session import Session
from trainlint.program.frameworks.table import MODEL_WORDS, TRAINING_WORDS
from trainlint.program.index import Index
from trainlint.program.program import build
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
    _keystrokes(training, arguments.folders)
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
    times = [_in_turn(partial(_parse, document), partial(_check, document)) for document in documents]
    bare, checked = (sum(column) for column in zip(*times, strict=True))
    print(f"\n{len(documents)} files {kind}, {lines:,} lines\n")
    print(f"{'':<18}{'ms for 1,000 lines':>20}{'times ast.parse':>18}")
    _row("ast.parse", bare, bare, lines)
    _row("trainlint check", checked, bare, lines)
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


def _keystrokes(documents: list[Document], folders: list[Path]) -> None:
    """Scripts of about 1,000 lines, typed in: what a server does, alone and with the files that they import."""
    chosen = [document for document in documents if 850 <= document.text.count("\n") <= 1150]
    if not chosen:
        return
    print(f"\nA keystroke in {len(chosen)} scripts of about 1,000 lines: milliseconds\n")
    print(f"{'':<24}{'median':>9}{'p95':>9}{'slowest':>9}{'of the server':>15}")
    for name in ("alone", "with the workspace"):
        typed = [_Typed(document, folders if name != "alone" else []).times() for document in chosen]
        whole = sorted(1000 * time for time, _ in typed)
        own = median(1000 * (time - checking) for time, checking in typed)
        p95 = whole[min(math.ceil(0.95 * len(whole)), len(whole)) - 1]
        print(f"{name:<24}{median(whole):>9.1f}{p95:>9.1f}{whole[-1]:>9.1f}{own:>15.2f}")


class _Typed:
    """One document in an editor, typed in at its end."""

    def __init__(self, document: Document, folders: list[Path]) -> None:
        around = [folder.resolve() for folder in folders if Path(document.path).resolve().is_relative_to(folder.resolve())]
        known = Folders(None, print, print)
        known.change([types.WorkspaceFolder(folder.as_uri(), folder.name) for folder in around], [])
        self._session = Session(Client(), known)
        self._uri = Path(document.path).resolve().as_uri()
        self._end = document.source.line_count
        self._session.open(self._uri, "python", 0, document.text + "\n\n")
        self._analyse()

    def times(self) -> tuple[float, float]:
        """Seconds from a keystroke to what is known of the text, and those of the check alone."""
        found = []
        for version in range(1, _RUNS + 1):
            place = types.Position(self._end, 0)
            typed = types.TextDocumentContentChangePartial(types.Range(place, place), "#")
            start = process_time()
            self._session.change(self._uri, version, [typed])
            checking = self._analyse()
            found.append((process_time() - start, checking))
        return min(found)

    def _analyse(self) -> float:
        snapshot = self._session.due(self._uri)
        assert snapshot is not None
        workspace = snapshot.workspace()
        start = process_time()
        report = check(snapshot.document, workspace, snapshot.settings, CancelFlag())
        checking = process_time() - start
        self._session.accept(snapshot, report, workspace.asked)
        return checking


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
            bare, seconds = _in_turn(partial(_parse, document), partial(_check, document))
            cells.append(f"{1000 * seconds:.1f} ({seconds / bare:.0f}x)")
        print(f"{grow.__name__:<12}" + "".join(f"{cell:>14}" for cell in cells))


def _parse(document: Document) -> None:
    ast.parse(document.text)


def _check(document: Document) -> None:
    report = check(Document(document.path, document.text))
    if report.files[0].status is Status.FAILED:
        raise SystemExit(f"{document.path}: {report.files[0].reason}")


def _best(work: Callable[[], object]) -> float:
    return _in_turn(work)[0]


def _in_turn(*works: Callable[[], object]) -> list[float]:
    """The least seconds of the processor that each of `works` takes, run in turn so that a busy machine slows all of them."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(_RUNS):
        for work, found in zip(works, times, strict=True):
            start = process_time()
            work()
            found.append(process_time() - start)
    return [min(found) for found in times]


if __name__ == "__main__":
    main()
