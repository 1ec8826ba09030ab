"""Breakages of training whose gradients are values that a tape hands out, and of models that their library trains: for
`mutations.py`.

Each leaves out one `apply_gradients`, moves the loss out of its tape, calls `.numpy()` on it or stops its gradients, takes or
applies gradients by another model's variables, leaves out `training=True` in files with dropout or batch normalisation, flips
`from_logits` where something trains, or sets a learning rate to 0, 1e-10 or 1000.

Left out are applications in files that take no gradients: optimizers themselves, and tests that apply constants.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

RIGHT: dict[str, frozenset[str]] = {
    "drop apply_gradients": frozenset({"TRN104"}),
    "loss outside of the tape": frozenset({"TRN218", "TRN201"}),
    "numpy of loss": frozenset({"TRN201"}),
    "stopped gradient of loss": frozenset({"TRN201", "TRN219"}),
    "gradients by other variables": frozenset({"TRN105", "TRN304"}),
    "gradients for other variables": frozenset({"TRN304", "TRN105"}),
    "drop training=True": frozenset({"TRN605"}),
    "flip from_logits": frozenset({"TRN511"}),
}
RATES = ("0.0", "1e-10", "1000.0")
OPTIMIZERS = frozenset({"SGD", "Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta"})
SETS_RATES = ("LearningRateScheduler", "learning_rate.assign", ".lr =", ".learning_rate =", "set_value(")
WORDS = ("GradientTape", "keras")
MEASURING = frozenset({"eval", "evaluate", "evaluation", "test", "val", "valid", "validate", "validation", "metrics"})

Broken = tuple[str, int, str]
"""(kind, line, text)"""


class TapeBreakages:
    """All of one text."""

    def __init__(self, tree: ast.Module, lines: list[str]) -> None:
        self.text = "".join(lines)
        self.lines = lines
        self.tree = tree
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def __iter__(self) -> Iterator[Broken]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr == "apply_gradients":
                    yield from self._applications(node)
                elif node.func.attr == "gradient" and len(node.args) > 1:
                    yield from self._differentiations(node)
            if isinstance(node, ast.Call):
                yield from self._rates(node)
                yield from self._flags(node)

    def _applications(self, call: ast.Call) -> Iterator[Broken]:
        statement = self._statement(call)
        if isinstance(statement, ast.Expr) and statement.value is call and ".gradient(" in self.text:
            yield "drop apply_gradients", call.lineno, self._replaced(statement, "pass")
        given = call.args[0] if call.args else None
        if isinstance(given, ast.Call) and ast.unparse(given.func) == "zip" and len(given.args) == 2:
            moved = given.args[1]
            other = self._other(moved, call)
            if other is not None:
                yield "gradients for other variables", call.lineno, self._replaced(moved, other)

    def _differentiations(self, call: ast.Call) -> Iterator[Broken]:
        other = self._other(call.args[1], call)
        if other is not None and isinstance(call.func, ast.Attribute):
            yield "gradients by other variables", call.lineno, self._replaced(call.args[1], other)
        block, by = self._block(call), ast.unparse(call.args[1])
        if block is None or not isinstance(call.args[0], ast.Name) or len(block.body) < 2:
            return
        last = block.body[-1]
        if not (isinstance(last, ast.Assign) and [ast.unparse(one) for one in last.targets] == [call.args[0].id]):
            return
        if not isinstance(last.value, (ast.Call, ast.BinOp)) or last.end_lineno != last.lineno or "variables" not in by:
            return
        yield "numpy of loss", last.lineno, self._replaced(last.value, f"({ast.unparse(last.value)}).numpy()")
        if ast.unparse(call.func).endswith(".gradient") and "tf." in self.text:
            stopped = f"tf.stop_gradient({ast.unparse(last.value)})"
            yield "stopped gradient of loss", last.lineno, self._replaced(last.value, stopped)
        lines = [*self.lines]
        indent = lines[block.lineno - 1][: block.col_offset]
        lines[last.lineno - 1] = indent + lines[last.lineno - 1].lstrip()
        yield "loss outside of the tape", last.lineno, "".join(lines)

    def _other(self, variables: ast.expr, call: ast.Call) -> str | None:
        """Variables of another model that the file takes gradients by."""
        written = ast.unparse(variables)
        if not isinstance(variables, ast.Attribute) or variables.attr not in ("trainable_variables", "trainable_weights"):
            return None
        owner = ast.unparse(variables.value)
        known = {
            ast.unparse(node)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Attribute) and node.attr == variables.attr and ast.unparse(node) != written
        }
        others = sorted(
            one for one in known if not one.startswith(owner + ".") and not owner.startswith(one.rpartition(".")[0] + ".")
        )
        simple = [
            one for one in others if one.replace(".", "").isidentifier() and one.startswith("self.") == owner.startswith("self.")
        ]
        return simple[0] if simple else None

    def _rates(self, call: ast.Call) -> Iterator[Broken]:
        package, _, name = ast.unparse(call.func).rpartition(".")
        if name not in OPTIMIZERS or package.endswith("optim") or any(word in self.text for word in SETS_RATES):
            return
        rates = [one.value for one in call.keywords if one.arg in ("lr", "learning_rate")] or call.args[:1]
        written = rates[0] if rates else None
        if written is not None and not (
            isinstance(written, (ast.Name, ast.Attribute)) and "sched" in ast.unparse(written).lower()
        ):
            for rate in RATES:
                kind = f"lr {'0' if rate == '0.0' else rate.removesuffix('.0')}"
                yield kind, written.lineno, self._replaced(written, rate)

    def _flags(self, call: ast.Call) -> Iterator[Broken]:
        for keyword in call.keywords:
            if not isinstance(keyword.value, ast.Constant):
                continue
            idle = not any(word in self.text for word in ("Dropout", "BatchNorm"))
            if keyword.arg == "training" and keyword.value.value is True and self._recorded(call) and call.args and not idle:
                without = ast.Call(call.func, call.args, [one for one in call.keywords if one is not keyword])
                yield "drop training=True", call.lineno, self._replaced(call, ast.unparse(without))
            if keyword.arg == "from_logits" and isinstance(keyword.value.value, bool) and not self._measures(call):
                yield "flip from_logits", call.lineno, self._replaced(keyword.value, str(not keyword.value.value))

    def _measures(self, node: ast.AST) -> bool:
        """A metric, or in a function that evaluates: nothing is trained by it."""
        metric = isinstance(node, ast.Call) and ".metrics." in f".{ast.unparse(node.func)}"
        while node in self.parents and not metric:
            node = self.parents[node]
            name = node.name if isinstance(node, ast.FunctionDef) else ""
            metric = any(part in MEASURING for part in name.lower().split("_"))
        return metric

    def _recorded(self, node: ast.AST) -> bool:
        """Inside the block of a tape whose gradients move the model that is called."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, ast.With) and any("GradientTape" in ast.unparse(item.context_expr) for item in node.items):
                return True
        return False

    def _block(self, call: ast.Call) -> ast.With | None:
        """The block of the tape that a call differentiates with, where it stands right in front of it."""
        statement = self._statement(call)
        suite = next((value for value in _suites(self.parents[statement]) if statement in value), [])
        before = suite[: suite.index(statement)] if statement in suite else []
        blocks = [one for one in before if isinstance(one, ast.With)]
        assert isinstance(call.func, ast.Attribute)
        tape = ast.unparse(call.func.value)
        own = [one for one in blocks if any(item.optional_vars and ast.unparse(item.optional_vars) == tape for item in one.items)]
        return own[-1] if own and before[-1] is own[-1] else None

    def _statement(self, node: ast.AST) -> ast.stmt:
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def _replaced(self, node: ast.AST, text: str) -> str:
        """The text with `node` written anew; the lines behind it keep their numbers."""
        first, last = node.lineno - 1, node.end_lineno - 1  # type: ignore[attr-defined]
        head = self.lines[first].encode()[: node.col_offset].decode()  # type: ignore[attr-defined]
        tail = self.lines[last].encode()[node.end_col_offset :].decode()  # type: ignore[attr-defined]
        return "".join([*self.lines[:first], head + text + tail, *["\n"] * (last - first), *self.lines[last + 1 :]])


def _suites(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        suite = getattr(node, name, None)
        if isinstance(suite, list):
            yield suite
