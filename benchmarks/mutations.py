"""Recall on real code: break correct training loops one line at a time and count how many breakages are
named.

    python benchmarks/mutations.py FOLDER [FOLDER ...]

Each mutant drops one `zero_grad`, `backward` or `step` statement inside a loop, moves it, or sets a learning
rate to 0, 1e-10 or 1000. A mutant counts as named when a finding appears that the untouched file does not
have. Mutants that cannot matter are left out: a second call of the same kind on the same receiver in the same
function.
"""

from __future__ import annotations

import argparse
import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainlint.engine import check
from trainlint.source.document import Document

RATES = ("0", "1e-10", "1000")


@dataclass(frozen=True)
class Mutant:
    kind: str
    line: int
    text: str


def findings(path: Path, text: str) -> set[tuple[str, str]]:
    return {(finding.code, finding.message) for finding in check(Document(str(path), text)).findings}


def statement_calls(tree: ast.Module) -> Iterator[tuple[ast.stmt, str, str, ast.AST, bool]]:
    """`(statement, method, receiver, function, in a loop)` of every bare call of a training method."""

    def visit(node: ast.AST, function: ast.AST, looped: bool) -> Iterator[tuple[ast.stmt, str, str, ast.AST, bool]]:
        for field in ("body", "orelse", "finalbody"):
            suite = getattr(node, field, None)
            if not isinstance(suite, list):
                continue
            for child in suite:
                if not isinstance(child, ast.stmt):
                    continue
                if (
                    isinstance(child, ast.Expr)
                    and isinstance(child.value, ast.Call)
                    and isinstance(child.value.func, ast.Attribute)
                    and child.value.func.attr in ("zero_grad", "backward", "step")
                ):
                    yield (
                        child,
                        child.value.func.attr,
                        ast.unparse(child.value.func.value),
                        function,
                        looped,
                    )
                inner = child if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) else function
                loops = isinstance(child, (ast.For, ast.While)) or (looped and inner is function)
                yield from visit(child, inner, loops)

    yield from visit(tree, tree, False)


def mutants(text: str) -> Iterator[Mutant]:
    tree = ast.parse(text)
    lines = text.splitlines(keepends=True)
    calls = list(statement_calls(tree))
    optimizers = {receiver for _, method, receiver, *_ in calls if method == "zero_grad"}
    counts = Counter((method, receiver, function) for _, method, receiver, function, *_ in calls)
    for statement, method, receiver, function, looped in calls:
        single = statement.lineno == statement.end_lineno
        if not looped or not single or counts[method, receiver, function] > 1:
            continue
        if method == "step" and receiver not in optimizers and not scaled(statement):
            continue
        index = statement.lineno - 1
        if lines[index].strip().startswith(method):
            continue
        indent = lines[index][: len(lines[index]) - len(lines[index].lstrip())]
        dropped = [*lines[:index], indent + "pass\n", *lines[index + 1 :]]
        yield Mutant(f"drop {method}", statement.lineno, "".join(dropped))


def scaled(statement: ast.stmt) -> bool:
    assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    return "scaler" in ast.unparse(statement.value.func)


def rate_mutants(text: str) -> Iterator[Mutant]:
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and "optim." in ast.unparse(node.func):
            for keyword in node.keywords:
                if keyword.arg == "lr" and keyword.value.lineno == keyword.value.end_lineno:
                    for rate in RATES:
                        row = keyword.value.lineno - 1
                        raw = lines[row].encode()
                        new = raw[: keyword.value.col_offset] + rate.encode() + raw[keyword.value.end_col_offset :]
                        yield Mutant(f"lr {rate}", row + 1, "".join([*lines[:row], new.decode(), *lines[row + 1 :]]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--missed", action="store_true", help="print every mutant that was not named")
    arguments = parser.parse_args()
    made: Counter[str] = Counter()
    named: Counter[str] = Counter()
    untouched = files = 0
    for folder in arguments.folders:
        for path in sorted(folder.rglob("*.py")):
            text = path.read_text(errors="replace")
            if "backward" not in text:
                continue
            try:
                generated = [*mutants(text), *rate_mutants(text)]
            except SyntaxError:
                continue
            if not generated:
                continue
            files += 1
            before = findings(path, text)
            untouched += len(before)
            for mutant in generated:
                made[mutant.kind] += 1
                new = findings(path, mutant.text) - before
                if new:
                    named[mutant.kind] += 1
                elif arguments.missed:
                    print(f"missed: {mutant.kind} at {path}:{mutant.line}")
    for kind in sorted(made):
        print(f"{kind:16} {named[kind]:4} of {made[kind]:4}  {named[kind] / made[kind]:.0%}")
    print(f"{files} files, {untouched} findings on the untouched files")


if __name__ == "__main__":
    main()
