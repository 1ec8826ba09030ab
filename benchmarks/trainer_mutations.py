"""Breakages of classes that a trainer runs, and of loops that an accelerator helps: for `mutations.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

RIGHT: dict[str, frozenset[str]] = {
    "drop return of loss": frozenset({"TRN906"}),
    "drop return of optimizer": frozenset({"TRN907"}),
    "detach returned loss": frozenset({"TRN908"}),
    "item of returned loss": frozenset({"TRN908"}),
    "training step under no_grad": frozenset({"TRN908", "TRN205"}),
    "automatic with manual calls": frozenset({"TRN905"}),
    "plain backward": frozenset({"TRN903"}),
}
LOSSES = frozenset({"training_step", "compute_loss"})
OPTIMIZERS = "configure_optimizers"
_BASES = ("LightningModule", "Trainer")
_HELPERS = ("accelerator", "fabric")

Broken = tuple[str, int, str]
"""(kind, line, text)"""


def broken(tree: ast.Module, lines: list[str]) -> Iterator[Broken]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith(_BASES) for base in node.bases) and not _steps(node):
            yield from _of_class(node, lines)
        elif isinstance(node, ast.Expr):
            yield from _plain(node, lines)


def _steps(node: ast.ClassDef) -> bool:
    """The class differentiates and steps itself: no trainer of a library runs it."""
    called = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
    return {"backward", "step", "zero_grad"} <= called


def _of_class(node: ast.ClassDef, lines: list[str]) -> Iterator[Broken]:
    by_hand = "automatic_optimization" in ast.unparse(node)
    losses = "training_step" if any(ast.unparse(base).endswith("LightningModule") for base in node.bases) else "compute_loss"
    for method in node.body:
        last = method.body[-1] if isinstance(method, ast.FunctionDef) else None
        if not isinstance(method, ast.FunctionDef) or last is None or isinstance(last, ast.Raise):
            continue
        returns = [one for one in ast.walk(method) if isinstance(one, ast.Return)]
        alone = isinstance(last, ast.Return) and len(returns) == 1 and last.value is not None and last.lineno == last.end_lineno
        if alone and isinstance(last, ast.Return) and last.value is not None:
            value = ast.unparse(last.value)
            if method.name == losses and not by_hand:
                yield (
                    "drop return of loss",
                    last.lineno,
                    _written(lines, last, value if isinstance(last.value, ast.Call) else "pass"),
                )
                if isinstance(last.value, (ast.Name, ast.Call)):
                    yield "detach returned loss", last.lineno, _written(lines, last, f"return ({value}).detach()")
                    yield "item of returned loss", last.lineno, _written(lines, last, f"return ({value}).item()")
            elif method.name == OPTIMIZERS:
                dropped = value if isinstance(last.value, ast.Call) else "pass"
                yield "drop return of optimizer", last.lineno, _written(lines, last, dropped)
        if method.name == losses and not by_hand and not method.decorator_list:
            row = method.lineno - 1
            decorated = f"{' ' * method.col_offset}@torch.no_grad()\n{lines[row]}"
            yield "training step under no_grad", last.lineno, "".join([*lines[:row], decorated, *lines[row + 1 :]])
    for statement in ast.walk(node):
        if isinstance(statement, ast.Assign) and ast.unparse(statement) == "self.automatic_optimization = False":
            manual = [one.lineno for one in ast.walk(node) if isinstance(one, ast.Attribute) and one.attr == "manual_backward"]
            if manual:
                yield "automatic with manual calls", manual[0], _written(lines, statement, "pass")


def _plain(node: ast.Expr, lines: list[str]) -> Iterator[Broken]:
    call = node.value
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "backward" and call.args):
        return
    if ast.unparse(call.func.value).rpartition(".")[2] in _HELPERS and node.lineno == node.end_lineno:
        yield "plain backward", node.lineno, _written(lines, node, f"({ast.unparse(call.args[0])}).backward()")


def _written(lines: list[str], node: ast.stmt, text: str) -> str:
    row = node.lineno - 1
    return "".join([*lines[:row], " " * node.col_offset + text + "\n", *lines[row + 1 :]])
