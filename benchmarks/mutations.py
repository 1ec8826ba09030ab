"""Recall on real code: break correct training loops by one statement and count how many breakages are named.

    python benchmarks/mutations.py FOLDER [FOLDER ...] [--missed] [--kind KIND]

Each mutant drops or moves one `zero_grad`, `backward` or `step` in a loop, sets a learning rate to 0, 1e-10 or 1000,
detaches the loss or calls `.item()` on it, puts the forward pass under `no_grad`, or hands the optimizer other parameters;
where training goes by values it drops what a step returns, or makes a state anew.
Where a tape records, it leaves out what applies the gradients, or loses the loss to the tape (`tape_mutations.py`).
Of classes that a trainer runs, it drops what they return, or detaches it; of loops with an accelerator, its backward.
A mutant is named when a rule that may speak of its kind says something new at the place of the change or at a statement of
the same training step; `elsewhere` counts those that only another rule, or another place, shows.

Left out are mutants that change nothing: a second call of the same kind on the same receiver in the same function, moves
past statements that have nothing to do with gradients, a clear beside another that may clear the same or beside gradients that
are stored by hand, backwards in files in which nothing steps, and learning rates in files that set them again later; and loops
that are not correct as they stand, or keep their gradients in a `torch.distributed.autograd` context. With `--run`, scripts
that finish within a few seconds are run, the original and the mutant from the same seed, and a mutant that leaves every weight
the same to the last bit is left out as equivalent.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from functional_mutations import RIGHT as FUNCTIONAL_RULES
from functional_mutations import WORDS, Breakages
from tape_mutations import RIGHT as TAPE_RULES
from tape_mutations import WORDS as TAPE_WORDS
from tape_mutations import TapeBreakages
from trainer_mutations import LOSSES, broken
from trainer_mutations import RIGHT as TRAINER_RULES
from trainlint.engine import check
from trainlint.program.naming import names_optimizer
from trainlint.source.document import Document
from trainlint.source.workspace import Files, Workspace

CUT_RULES = frozenset({"TRN201", "TRN202", "TRN203", "TRN204", "TRN205", "TRN215", "TRN220", "TRN105"})
WIRING_RULES = frozenset({"TRN105", "TRN104", "TRN301", "TRN302", "TRN304", "TRN310", "TRN311", "TRN319"})
RIGHT: dict[str, frozenset[str]] = {
    "drop zero_grad": frozenset({"TRN101", "TRN102", "TRN113"}),
    "drop backward": frozenset({"TRN105", "TRN114", "TRN210"}),
    "drop step": frozenset({"TRN104"}),
    "move zero_grad before step": frozenset({"TRN103"}),
    "move step before backward": frozenset({"TRN106", "TRN105", "TRN103"}),
    "move step after loop": frozenset({"TRN107", "TRN104"}),
    "lr 0": frozenset({"TRN401"}),
    "lr 1e-10": frozenset({"TRN402"}),
    "lr 1000": frozenset({"TRN402"}),
    "detach loss": CUT_RULES,
    "item of loss": CUT_RULES,
    "forward under no_grad": CUT_RULES,
    "other parameters": WIRING_RULES,
    **TRAINER_RULES,
    **FUNCTIONAL_RULES,
    **TAPE_RULES,
}
STEP_RULES = frozenset({"TRN101", "TRN103", "TRN104", "TRN105", "TRN106", "TRN107"})
RATE_SET_LATER = re.compile(r"[sS]chedule|\bLR\(|StepLR|param_groups|\[.lr.\]|load_state_dict\(")
TRAINS = re.compile(
    r"backward|training_step|compute_loss|configure_optimizers|optax|apply_gradients|nnx\.Optimizer|GradientTape|keras"
)
GRADIENTS = re.compile(r"\bgrads?\b|gradients?\b")
METHODS = {"zero_grad": "zero_grad", "backward": "backward", "manual_backward": "backward", "step": "step"}
DIFFERENTIATING = ("accelerator", "fabric", "engine", "self")
RATES = ("0", "1e-10", "1000")
ITS_STEP = 40
"""Lines around a change that belong to the same step, where what is computed is handed on as a value."""
NEAR = 3
"""Lines that a finding may be off the statement that was changed, or one that belongs to the same step."""


@dataclass(frozen=True)
class Mutant:
    """`lines` are places where a finding is right: the change, and the statements of its training step."""

    kind: str
    line: int
    text: str
    lines: frozenset[int]


@dataclass(frozen=True)
class Call:
    """A statement that only calls a training method. `suite` is the list of statements that it stands in."""

    statement: ast.stmt
    method: str
    receiver: str
    function: ast.AST
    loop: ast.AST | None
    suite: list[ast.stmt] = field(compare=False, hash=False)


def training_calls(tree: ast.Module) -> list[Call]:
    found: list[Call] = []

    def visit(node: ast.AST, function: ast.AST, loop: ast.AST | None) -> None:
        for name in ("body", "orelse", "finalbody", "handlers"):
            suite = getattr(node, name, None)
            if not isinstance(suite, list):
                continue
            for child in suite:
                if isinstance(child, ast.ExceptHandler):
                    visit(child, function, loop)
                    continue
                method = _method(child)
                if method is not None:
                    assert isinstance(child, ast.Expr) and isinstance(child.value, ast.Call)
                    assert isinstance(child.value.func, ast.Attribute)
                    found.append(Call(child, method, ast.unparse(child.value.func.value), function, loop, suite))
                is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
                inner = child if is_function else function
                called = child if getattr(child, "name", "") in LOSSES else None
                around = child if isinstance(child, (ast.For, ast.While)) else called if is_function else loop
                visit(child, inner, around)

    visit(tree, tree, None)
    return found


def _method(statement: ast.AST) -> str | None:
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
        return METHODS[call.func.attr]
    return None


class Mutator:
    """All mutants of one text."""

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text)
        self.lines = text.splitlines(keepends=True)
        self.calls = training_calls(self.tree)
        self.counts = Counter((call.method, call.receiver, call.function) for call in self.calls)
        self.applies = any("step(" in line for line in self.lines)
        self.optimizers = {call.receiver for call in self.calls if call.method == "zero_grad"}

    def all(self) -> Iterator[Mutant]:
        torch = self._import_of_torch()
        for mutant in self._all():
            if torch is None or "torch." not in mutant.text.splitlines()[mutant.line - 1]:
                yield mutant
                continue
            lines = mutant.text.splitlines(keepends=True)
            lines[torch] = "import torch; " + lines[torch]
            yield replace(mutant, text="".join(lines))

    def _import_of_torch(self) -> int | None:
        """The line of an import in front of which torch has to be imported; None where the file has it by its name."""
        imports = [node for node in self.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        for node in imports:
            if isinstance(node, ast.Import) and any((alias.asname or alias.name) == "torch" for alias in node.names):
                return None
        plain = [node for node in imports if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]
        return plain[0].lineno - 1 if plain else None

    def _all(self) -> Iterator[Mutant]:
        for call in self.calls:
            if call.loop is None or not self._is_alone(call.statement) or not self._counts(call):
                continue
            if self.counts[call.method, call.receiver, call.function] == 1:
                yield self._mutant(f"drop {call.method}", call, self._without(call.statement))
            yield from self._moves(call)
            if call.method == "backward":
                yield from self._cuts(call)
        yield from self._rates()
        yield from self._wirings()
        for kind, line, text in broken(self.tree, self.lines):
            yield Mutant(kind, line, text, frozenset(range(line - NEAR, line + NEAR + 1)))
        if any(word in line for word in WORDS for line in self.lines) and any("jax" in line for line in self.lines):
            for kind, line, text in Breakages(self.tree, self.lines):
                yield Mutant(kind, line, text, frozenset(range(line - ITS_STEP, line + ITS_STEP + 1)))
        if any(word in line for word in TAPE_WORDS for line in self.lines):
            for kind, line, text in TapeBreakages(self.tree, self.lines):
                yield Mutant(kind, line, text, frozenset(range(line - ITS_STEP, line + ITS_STEP + 1)))

    def _counts(self, call: Call) -> bool:
        """It matters to a step: not a scheduler's, nor a clear beside another that clears the same, nor an update by hand."""
        here = [other for other in self.calls if other.function is call.function]
        steppers = {other.receiver for other in here if other.method == "step" and self._steps(other)}
        if call.method == "step":
            return self._steps(call)
        if call.method == "backward":
            return self.applies and (bool(steppers) or not any(other.method == "zero_grad" for other in here))
        if self._stores_gradients(call.function):
            return False
        clearing = {other.receiver for other in here if other.method == "zero_grad"}
        return bool(steppers) and (len(clearing) == 1 or clearing <= steppers)

    def _stores_gradients(self, function: ast.AST) -> bool:
        """It puts gradients of its own in the place of those that are there, cleared or not."""
        assigned = [part for part in ast.walk(function) if isinstance(part, ast.Assign)]
        return any(
            isinstance(target, ast.Attribute) and target.attr in ("grad", "_grad") and GRADIENTS.search(ast.unparse(part.value))
            for part in assigned
            for target in part.targets
        )

    def _steps(self, call: Call) -> bool:
        return call.receiver in self.optimizers or "scaler" in call.receiver or names_optimizer(call.receiver)

    def _moves(self, call: Call) -> Iterator[Mutant]:
        index = call.suite.index(call.statement)
        if self.counts[call.method, call.receiver, call.function] != 1:
            return
        last = next((_method(other) for other in reversed(call.suite[:index]) if _method(other) in ("backward", "step")), None)
        for later in call.suite[index + 1 :]:
            if _method(later) == "backward" or last == "backward":
                break
            if call.method == "backward" and _method(later) == "step" and self._is_alone(later) and self._is_optimizer(later):
                yield self._mutant("move step before backward", call, self._moved(later, before=call.statement))
                break
        before = [other for other in call.suite[:index] if _method(other) == "backward"]
        if call.method == "step" and before and self._is_alone(before[-1]):
            clears = [other for other in call.suite if _method(other) == "zero_grad" and self._is_alone(other)]
            if len(clears) == 1 and ast.unparse(clears[0]).startswith(call.receiver):
                yield self._mutant("move zero_grad before step", call, self._moved(clears[0], before=call.statement))

    def _is_optimizer(self, statement: ast.stmt) -> bool:
        return ast.unparse(statement).partition(".step(")[0] in self.optimizers

    def _cuts(self, call: Call) -> Iterator[Mutant]:
        assert isinstance(call.statement, ast.Expr) and isinstance(call.statement.value, ast.Call)
        through = call.receiver.rpartition(".")[2] in DIFFERENTIATING
        given = call.statement.value.args
        loss = ast.unparse(given[0]) if given and through else call.receiver
        if (given and not through) or not loss.isidentifier():
            return
        assigned = [
            other
            for other in call.suite[: call.suite.index(call.statement)]
            if isinstance(other, ast.Assign) and [ast.unparse(target) for target in other.targets] == [loss]
        ]
        if not assigned or not self._is_alone(assigned[-1]):
            return
        last = assigned[-1]
        assert isinstance(last, ast.Assign)
        after = call.suite[call.suite.index(last) + 1 : call.suite.index(call.statement)]
        if not any(isinstance(part, ast.Call) for part in ast.walk(last.value)) or any(
            isinstance(part, ast.Name) and part.id == loss and isinstance(part.ctx, ast.Store)
            for statement in after
            for part in ast.walk(statement)
        ):
            return
        for kind, wrapped in (("detach loss", "({}).detach()"), ("item of loss", "torch.tensor(({}).item())")):
            yield self._mutant(kind, call, self._rewritten(last.value, wrapped.format(ast.unparse(last.value))), last)
        if last.value.end_lineno == last.lineno and any(
            name in ast.unparse(last.value) for name in ("model(", "net(", "network(")
        ):
            indent = self._indent(last)
            text = [*self.lines]
            text[last.lineno - 1] = f"{indent}with torch.no_grad():\n{indent}    {self.lines[last.lineno - 1].lstrip()}"
            yield self._mutant("forward under no_grad", call, "".join(text), last)
        else:
            forward = [
                other
                for other in call.suite[: call.suite.index(last)]
                if isinstance(other, ast.Assign)
                and self._is_alone(other)
                and isinstance(other.value, ast.Call)
                and ast.unparse(other.value.func).rpartition(".")[2] in ("model", "net", "network")
                and ast.unparse(other.targets[0]) in ast.unparse(last.value)
            ]
            if len(forward) == 1:
                indent, text = self._indent(forward[0]), [*self.lines]
                row = forward[0].lineno - 1
                text[row] = f"{indent}with torch.no_grad():\n{indent}    {self.lines[row].lstrip()}"
                yield self._mutant("forward under no_grad", call, "".join(text), forward[0])

    def _rates(self) -> Iterator[Mutant]:
        """Only where nothing sets the rate later."""
        if RATE_SET_LATER.search("".join(self.lines)):
            return
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and "optim." in ast.unparse(node.func):
                for keyword in node.keywords:
                    if keyword.arg == "lr" and keyword.value.lineno == keyword.value.end_lineno:
                        for rate in RATES:
                            text = self._rewritten(keyword.value, rate)
                            yield Mutant(f"lr {rate}", keyword.value.lineno, text, _rows(node))

    def _wirings(self) -> Iterator[Mutant]:
        """Only at the top of a script or in a function that trains as well: what holds the model is then in sight."""
        for node in ast.walk(self.tree):
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and self._is_alone(node)):
                continue
            receiver = ast.unparse(node.targets[0])
            call = node.value
            given = ast.unparse(call.args[0]) if call.args else ""
            made = "optim." in ast.unparse(call.func) and receiver in self.optimizers and given.endswith(".parameters()")
            if made and any(other.method == "step" and other.receiver == receiver and other.loop for other in self.calls):
                text = self._rewritten(call.args[0], "torch.nn.Linear(2, 2).parameters()")
                steps = {row for other in self.calls if other.receiver == receiver for row in _rows(other.statement)}
                near = {row for other in self.calls if other.method == "backward" for row in _rows(other.statement)}
                yield Mutant("other parameters", node.lineno, text, _rows(node) | steps | near)

    def _mutant(self, kind: str, call: Call, text: str, also: ast.stmt | None = None) -> Mutant:
        called = {
            part.func.id for part in ast.walk(call.function) if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)
        }
        step = {call.function} | {other.function for other in self.calls if getattr(other.function, "name", None) in called}
        around = {row for other in self.calls if other.function in step for row in _rows(other.statement)}
        row = (also or call.statement).lineno
        return Mutant(kind, row, text, frozenset(around | set(range(row - NEAR, row + NEAR + 1))))

    def _is_alone(self, statement: ast.stmt) -> bool:
        """On lines of its own."""
        first, last = self.lines[statement.lineno - 1], self.lines[(statement.end_lineno or 0) - 1]
        return first[: statement.col_offset].strip() == "" and last.encode()[statement.end_col_offset or 0 :].decode().strip()[
            :1
        ] in ("", "#")

    def _indent(self, statement: ast.stmt) -> str:
        return self.lines[statement.lineno - 1][: statement.col_offset]

    def _without(self, statement: ast.stmt) -> str:
        return "".join(self._cut(statement))

    def _cut(self, statement: ast.stmt) -> list[str]:
        rest = ["\n"] * ((statement.end_lineno or statement.lineno) - statement.lineno)
        return [
            *self.lines[: statement.lineno - 1],
            self._indent(statement) + "pass\n",
            *rest,
            *self.lines[statement.end_lineno :],
        ]

    def _moved(self, statement: ast.stmt, before: ast.stmt) -> str:
        taken = "".join(self.lines[statement.lineno - 1 : statement.end_lineno])
        lines = self._cut(statement)
        lines[before.lineno - 1] = taken + lines[before.lineno - 1]
        return "".join(lines)

    def _rewritten(self, node: ast.expr, new: str) -> str:
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        head = self.lines[first].encode()[: node.col_offset].decode()
        tail = self.lines[last].encode()[node.end_col_offset :].decode()
        blank = "\n" * (last - first)
        return "".join([*self.lines[:first], head + new + tail + blank, *self.lines[last + 1 :]])


def _rows(node: ast.stmt | ast.expr) -> frozenset[int]:
    return frozenset(range(node.lineno, (node.end_lineno or node.lineno) + 1))


Found = set[tuple[str, int, str]]
"""(code, line, message)"""


def findings(path: Path, text: str, root: Path, files: Files) -> Found:
    document = Document(str(path), text)
    workspace = Workspace({os.path.abspath(path): document}, (str(root),), files)
    return {(one.code, one.span.start.line, one.message) for one in check(document, workspace).findings}


def named(mutant: Mutant, before: Found, after: Found) -> str:
    """How a mutant is answered: named, elsewhere, or missed. Findings that stood there before do not count."""
    known = Counter((code, message) for code, _, message in before)
    told = Counter((code, message) for code, _, message in after)
    fresh = sorted(after - before)
    new = [(code, line) for code, line, message in fresh if told[code, message] > known[code, message]]
    right = RIGHT[mutant.kind]
    if any(code in right and any(abs(line - row) <= 1 for row in mutant.lines) for code, line in new):
        return "named"
    return "elsewhere" if new else "missed"


def _is_broken_already(mutant: Mutant, before: Found) -> bool:
    """What the mutant would break has a mistake of this kind as it stands."""
    return any(code in RIGHT[mutant.kind] and abs(line - mutant.line) <= NEAR for code, line, _ in before)


_DRIVER = """\
import hashlib, runpy, sys, torch
torch.manual_seed(0)
seen = []
made = torch.optim.Optimizer.__init__
def init(self, *args, **kwargs):
    made(self, *args, **kwargs)
    seen.append(self)
torch.optim.Optimizer.__init__ = init
runpy.run_path(sys.argv[1], run_name="__main__")
digest = hashlib.sha256()
for optimizer in seen:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            digest.update(parameter.detach().cpu().numpy().tobytes())
print("weights", digest.hexdigest() if seen else "none", file=sys.stderr)
"""


def weights(path: Path, text: str, seconds: float) -> str | None:
    """A digest of all weights after the script has run in its own folder; None where it does not come to its end."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / path.name
        script.write_text(text)
        environment = {**os.environ, "PYTHONPATH": str(path.parent), "MPLBACKEND": "Agg"}
        try:
            run = subprocess.run(
                [sys.executable, "-c", _DRIVER, str(script)],
                cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return None
        found = [line for line in run.stderr.splitlines() if line.startswith("weights ")]
        return found[-1] if run.returncode == 0 and found and not found[-1].endswith("none") else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--missed", action="store_true", help="print every mutant that was not named")
    parser.add_argument("--kind", help="only mutants of this kind")
    parser.add_argument("--run", type=float, default=0.0, metavar="SECONDS", help="run scripts that finish in that time")
    parser.add_argument("--every", type=int, default=1, help="only every so many mutants")
    arguments = parser.parse_args()
    answers: dict[str, Counter[str]] = {kind: Counter() for kind in RIGHT}
    untouched = files = equivalent = number = 0
    for folder in arguments.folders:
        shared = Files()
        for path in sorted(folder.rglob("*.py")):
            text = path.read_text(errors="replace") if path.is_file() else ""
            if not TRAINS.search(text) or "dist_autograd" in text or "distributed.autograd" in text:
                continue
            try:
                generated = [one for one in Mutator(text).all() if arguments.kind in (None, one.kind)]
            except (SyntaxError, ValueError):
                continue
            if not generated:
                continue
            files += 1
            before = findings(path, text, folder, shared)
            untouched += len(before)
            faulty = {line for code, line, _ in before if code in STEP_RULES}
            generated = [one for one in generated if faulty.isdisjoint(one.lines)]
            original = weights(path, text, arguments.run) if arguments.run else None
            for mutant in generated:
                number += 1
                if number % arguments.every or _is_broken_already(mutant, before):
                    continue
                answer = named(mutant, before, findings(path, mutant.text, folder, shared))
                if answer != "named" and original and weights(path, mutant.text, arguments.run) == original:
                    equivalent += 1
                    continue
                answers[mutant.kind][answer] += 1
                if answer != "named" and arguments.missed:
                    print(f"{answer}: {mutant.kind} at {path}:{mutant.line}")
    for kind, counts in answers.items():
        if total := counts.total():
            print(f"{kind:28} {counts['named']:4} of {total:4}  {counts['named'] / total:4.0%}  elsewhere {counts['elsewhere']}")
    every = Counter[str]()
    for counts in answers.values():
        every.update(counts)
    if every:
        print(f"{'all':28} {every['named']:4} of {every.total():4}  {every['named'] / every.total():4.0%}")
    print(f"{files} files, {untouched} findings on the untouched files, {equivalent} equivalent mutants left out")


if __name__ == "__main__":
    main()
