"""Fixes on real code: take one call out of correct training loops, apply the first fix that is offered, and compare.

    python benchmarks/fixes.py FOLDER [FOLDER ...] [--failed] [--kind zero_grad|backward|step]

From each file without findings, every statement in a loop that only calls `zero_grad`, `backward` or `step` is deleted in
turn. Where that brings a finding, the first fix of the first finding that has one is applied. Printed per kind: how many
deletions bring a finding, how many of those offer a fix, how many texts have no findings afterwards, and how many call
`zero_grad`, `backward` and `step` in the original's order: up to clears that have nothing to clear ("same"), and to the
letter ("exact"). The shares are of all deletions that bring a finding.
"""

from __future__ import annotations

import argparse
import ast
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from call_order import calls, effective
from trainlint.engine import check
from trainlint.finding import Applicability, Fix, Report
from trainlint.fixes.apply import apply_edits
from trainlint.fixes.resolve import resolved
from trainlint.program.naming import names_optimizer
from trainlint.source.document import Document
from trainlint.source.workspace import Files, Workspace

KINDS = ("zero_grad", "backward", "step")
COLUMNS = ("deleted", "named", "offered", "clean", "same", "exact")


@dataclass(frozen=True)
class Deletion:
    kind: str
    line: int
    text: str


def deletions(text: str) -> Iterator[Deletion]:
    """`text` without each call in turn. Every other line stays the same; a suite that would be empty passes."""
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    methods = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    cleared = {ast.unparse(node.value) for node in methods if node.attr == "zero_grad"}

    def visit(node: ast.AST, looped: bool) -> Iterator[Deletion]:
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            suite = getattr(node, name, None)
            for child in suite if isinstance(suite, list) else ():
                if looped and isinstance(child, ast.Expr):
                    yield from delete(child, len(suite) == 1)
                function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
                yield from visit(child, isinstance(child, (ast.For, ast.AsyncFor, ast.While)) or (looped and not function))

    def delete(statement: ast.Expr, last: bool) -> Iterator[Deletion]:
        call = statement.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in KINDS):
            return
        receiver = ast.unparse(call.func.value)
        if call.func.attr == "step" and not (receiver in cleared or names_optimizer(receiver) or "scaler" in receiver):
            return
        first, end = statement.lineno - 1, statement.end_lineno or statement.lineno
        head = lines[first].encode()[: statement.col_offset].decode()
        tail = lines[end - 1].encode()[statement.end_col_offset or 0 :].decode().strip()
        if not head.strip() and tail[:1] in ("", "#"):
            yield Deletion(
                call.func.attr, first + 1, "".join([*lines[:first], *([head + "pass\n"] if last else []), *lines[end:]])
            )

    yield from visit(tree, False)


def first_fix(report: Report) -> Fix | None:
    fixes = (fix for finding in report.findings for fix in finding.fixes)
    return next((fix for fix in fixes if fix.applicability is not Applicability.DISPLAY), None)


class Benchmark:
    def __init__(self, failed: bool, kinds: tuple[str, ...]) -> None:
        self.failed = failed
        self.kinds = kinds
        self.counts = {kind: Counter[str]() for kind in kinds}
        self.files = 0

    def folder(self, folder: Path) -> None:
        shared = Files()
        for path in sorted(folder.rglob("*.py")):
            text = path.read_text(errors="replace")
            if "backward(" not in text:
                continue

            def examine(text: str, path: Path = path) -> Report:
                document = Document(str(path), text)
                return check(document, Workspace({os.path.abspath(path): document}, (str(folder),), shared))

            try:
                found = [one for one in deletions(text) if one.kind in self.kinds]
            except (SyntaxError, ValueError):
                continue
            if found and not examine(text).findings:
                self.files += 1
                for deletion in found:
                    self._one(path, text, deletion, examine)

    def _one(self, path: Path, text: str, deletion: Deletion, examine: Callable[[str], Report]) -> None:
        """Count what a fix makes of one deletion."""
        counts = self.counts[deletion.kind]
        counts["deleted"] += 1
        report = examine(deletion.text)
        if not report.findings:
            return
        counts["named"] += 1
        fix = first_fix(report)
        after = deletion.text
        reached = "no fix"
        if fix is not None:
            counts["offered"] += 1
            after = apply_edits(deletion.text, resolved(fix, deletion.text).edits or ())
            left = examine(after).findings
            clean = not left
            before, now = calls(text), calls(after)
            same = [effective(one) for one in before] == [effective(one) for one in now]
            counts["clean"] += clean
            counts["same"] += same
            counts["exact"] += before == now
            if clean and same:
                return
            reached = f"{'' if clean else 'not clean '}{'' if same else 'another order'}"
        if self.failed:
            print(
                f"{reached}: {deletion.kind} at {path}:{deletion.line}: {[f.code for f in report.findings]} {fix and fix.title}"
            )
            if fix is not None:
                print("".join(unified_diff(text.splitlines(True), after.splitlines(True), n=4)))

    def table(self) -> str:
        rows = ["".join([f"{'':12}", *(f"{column:>14}" for column in COLUMNS)])]
        total = Counter[str]()
        for counts in self.counts.values():
            total.update(counts)
        for name, counts in [*self.counts.items(), ("all", total)]:
            cells = []
            for column in COLUMNS:
                of = counts["deleted"] if column == "named" else counts["named"]
                share = f" {counts[column] / of:5.1%}" if of and column != "deleted" else ""
                cells.append(f"{counts[column]}{share}".rjust(14))
            rows.append(f"{name:12}" + "".join(cells))
        return "\n".join([*rows, f"{self.files} files"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--failed", action="store_true", help="show every fix that did not bring the original back")
    parser.add_argument("--kind", choices=KINDS, help="delete only this call")
    arguments = parser.parse_args()
    benchmark = Benchmark(arguments.failed, (arguments.kind,) if arguments.kind else KINDS)
    for folder in arguments.folders:
        benchmark.folder(folder)
    print(benchmark.table())


if __name__ == "__main__":
    main()
