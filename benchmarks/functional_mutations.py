"""Breakages of training by values (optax, flax, haiku, equinox): for `mutations.py`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from trainlint.program.naming import names_optimizer

_DROPPED = frozenset({"TRN115", "TRN104"})
RIGHT: dict[str, frozenset[str]] = {
    "drop apply_updates": _DROPPED,
    "drop assignment of applied": _DROPPED,
    "updates for parameters": _DROPPED,
    "drop apply_gradients": _DROPPED,
    "drop assignment of state": _DROPPED,
    "drop in-place update": _DROPPED,
    "optimizer state dropped": _DROPPED,
    "loss and gradients swapped": frozenset({"TRN105", "TRN115", "TRN104"}),
    "optimizer state anew": frozenset({"TRN909", "TRN115"}),
    "stop gradient on loss": frozenset({"TRN219"}),
    "step ignored": _DROPPED,
    "state not kept": _DROPPED,
    "state kept elsewhere": _DROPPED,
    "gradients for updates": _DROPPED,
    "wrong argnums": frozenset({"TRN105", "TRN115", "TRN104", "TRN219"}),
    "rate 0": frozenset({"TRN401"}),
    "rate 1e-10": frozenset({"TRN402"}),
    "rate 1000": frozenset({"TRN402"}),
}
WORDS = ("optax", "apply_gradients", "nnx.Optimizer")
_RATED = frozenset(
    {"sgd", "adam", "adamw", "rmsprop", "lamb", "lion", "adafactor", "adagrad", "adabelief", "yogi", "lars", "nadam", "radam"}
)
_STEPPING = ("train_step", "update", "p_train", "make_step", "step_fn", "train_one", "learn", "sgd_step", "train_iter")
_HOLDING = ("state", "param", "model", "agent", "learner", "carry", "opt", "critic", "actor", "net")
_DIFFERENTIATORS = ("value_and_grad", "filter_value_and_grad")

Broken = tuple[str, int, str]
"""(kind, line, text)"""


class Breakages:
    """All mutants of one text that trains by values."""

    def __init__(self, tree: ast.Module, lines: list[str]) -> None:
        self._tree, self._lines = tree, lines
        self._parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self._grad_functions = {
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and _ends(node.value, _DIFFERENTIATORS)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def __iter__(self) -> Iterator[Broken]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                yield from self._assignment(node, node.targets[0], node.value)
            elif isinstance(node, ast.Expr):
                yield from self._statement(node)
            elif isinstance(node, ast.Call):
                yield from self._rate(node)
                yield from self._by_another(node)

    def _assignment(self, node: ast.Assign, target: ast.expr, value: ast.expr) -> Iterator[Broken]:
        name = _called(value)
        pair = target.elts if isinstance(target, ast.Tuple) else []
        if name == "apply_updates" and isinstance(value, ast.Call):
            if self._same(target, value.args[0] if value.args else None):
                yield "drop apply_updates", node.lineno, self._without(node)
            yield "drop assignment of applied", node.lineno, self._with(node, ast.unparse(value))
            gradients = self._transformed(node, value)
            if gradients is not None:
                call = ast.Call(value.func, [value.args[0], gradients], [])
                yield "gradients for updates", node.lineno, self._with(node, f"{ast.unparse(target)} = {ast.unparse(call)}")
        elif name == "apply_gradients" and isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            if self._same(target, value.func.value):
                yield "drop apply_gradients", node.lineno, self._without(node)
            yield "drop assignment of state", node.lineno, self._with(node, ast.unparse(value))
        elif name == "update" and len(pair) == 2 and isinstance(value, ast.Call) and len(value.args) >= 2:
            first, second = map(ast.unparse, pair)
            transforms = ast.unparse(value.args[1]) == second or isinstance(value.func, ast.Attribute)
            if transforms and len(value.args) > 2 and isinstance(value.args[2], ast.Name):
                text = f"{ast.unparse(value.args[2])}, {second} = {ast.unparse(value)}"
                yield "updates for parameters", node.lineno, self._with(node, text)
            if ast.unparse(value.args[1]) == second:
                yield "optimizer state dropped", node.lineno, self._with(node, f"{first}, _ = {ast.unparse(value)}")
                given = ast.unparse(value.args[2]) if len(value.args) > 2 else None
                if given is not None and isinstance(value.func, ast.Attribute):
                    anew = f"{second} = {ast.unparse(value.func.value)}.init({given})"
                    if self._in_loop(node):
                        yield "optimizer state anew", node.lineno, self._before(node, anew)
        elif len(pair) == 2 and self._differentiates(value):
            text = f"{ast.unparse(pair[1])}, {ast.unparse(pair[0])} = {ast.unparse(value)}"
            if not isinstance(pair[0], ast.Tuple):
                yield "loss and gradients swapped", node.lineno, self._with(node, text)
            yield from self._stopped(value)
        elif isinstance(value, ast.Call) and self._steps(value, target) and self._in_loop(node):
            yield "step ignored", node.lineno, self._with(node, ast.unparse(value))
            yield from self._not_kept(node, target, value)

    def _not_kept(self, node: ast.Assign, target: ast.expr, value: ast.Call) -> Iterator[Broken]:
        """What the step is given and returns anew goes nowhere, or into a variable that nobody reads."""
        given = {ast.unparse(one) for one in (*value.args, *(keyword.value for keyword in value.keywords))}
        given |= {ast.unparse(value.func.value)} if isinstance(value.func, ast.Attribute) else set()
        for kind, form in (("state not kept", "_"), ("state kept elsewhere", "new_{}")):
            text = " = ".join((_renamed(target, given, form), ast.unparse(value)))
            if kind == "state kept elsewhere" or isinstance(target, ast.Tuple):
                yield kind, node.lineno, self._with(node, text)

    def _statement(self, node: ast.Expr) -> Iterator[Broken]:
        call = node.value
        if _called(call) == "update" and isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            holder = ast.unparse(call.func.value).rpartition(".")[2]
            if names_optimizer(holder) and (len(call.args) == 2 or (call.args and "grad" in ast.unparse(call.args[0]))):
                yield "drop in-place update", node.lineno, self._without(node)

    def _stopped(self, value: ast.expr) -> Iterator[Broken]:
        """The only return of the function that is differentiated stops its gradient."""
        given = (
            value.func.args[0] if isinstance(value, ast.Call) and isinstance(value.func, ast.Call) and value.func.args else None
        )
        if not isinstance(given, ast.Name):
            return
        for node in ast.walk(self._tree):
            if not isinstance(node, ast.FunctionDef) or node.name != given.id:
                continue
            returns = [one for one in ast.walk(node) if isinstance(one, ast.Return) and one.value is not None]
            if len(returns) == 1 and returns[0].lineno == returns[0].end_lineno:
                (last,) = returns
                whole = last.value
                loss = whole.elts[0] if isinstance(whole, ast.Tuple) else whole
                rest = whole.elts[1:] if isinstance(whole, ast.Tuple) else []
                text = ", ".join([f"jax.lax.stop_gradient({ast.unparse(loss)})", *map(ast.unparse, rest)])
                yield "stop gradient on loss", last.lineno, self._with(last, f"return {text}")

    def _rate(self, call: ast.Call) -> Iterator[Broken]:
        if _called(call) not in _RATED or not ast.unparse(call.func).startswith("optax."):
            return
        rates = [one.value for one in call.keywords if one.arg == "learning_rate"] or call.args[:1]
        statement = self._statement_of(call)
        if not rates or statement is None or rates[0].lineno != rates[0].end_lineno:
            return
        row = rates[0].lineno - 1
        line = self._lines[row]
        for rate in ("0", "1e-10", "1000"):
            text = line.encode()[: rates[0].col_offset].decode() + rate + line.encode()[rates[0].end_col_offset :].decode()
            yield f"rate {rate}", rates[0].lineno, "".join([*self._lines[:row], text, *self._lines[row + 1 :]])

    def _differentiates(self, value: ast.expr) -> bool:
        if not isinstance(value, ast.Call):
            return False
        return _ends(value.func, _DIFFERENTIATORS) or (isinstance(value.func, ast.Name) and value.func.id in self._grad_functions)

    def _steps(self, call: ast.Call, target: ast.expr) -> bool:
        """By its name it trains, and what it is given it returns anew."""
        name = (_called(call) or "").lower()
        if not any(word in name for word in _STEPPING) or "eval" in name or "target" in name or "data" in name:
            return False
        if isinstance(call.func, ast.Attribute) and any(word in ast.unparse(call.func.value) for word in ("tx", "opt", "solver")):
            return False
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        given += [call.func.value] if isinstance(call.func, ast.Attribute) else []
        kept = {ast.unparse(one) for one in (target.elts if isinstance(target, ast.Tuple) else [target])}
        both = kept & {ast.unparse(one) for one in given}
        return any(word in one.lower() for one in both for word in _HOLDING)

    def _transformed(self, node: ast.stmt, applied: ast.Call) -> ast.Name | None:
        """The variable of the gradients that the updates were made of, in the same suite."""
        suite = getattr(self._parents[node], "body", [])
        for one in suite if node in suite and len(applied.args) == 2 else ():
            target = one.targets[0] if isinstance(one, ast.Assign) else None
            if not isinstance(target, ast.Tuple) or _called(one.value) != "update" or len(target.elts) != 2:
                continue
            first = one.value.args[0] if one.value.args else None
            if ast.unparse(target.elts[0]) == ast.unparse(applied.args[1]) and isinstance(first, ast.Name):
                return first if first.id != ast.unparse(applied.args[1]) else None
        return None

    def _by_another(self, call: ast.Call) -> Iterator[Broken]:
        """The function in sight is differentiated by its second argument."""
        if _called(call) not in ("value_and_grad", "grad") or not call.args or not isinstance(call.args[0], ast.Name):
            return
        defined = [one for one in ast.walk(self._tree) if isinstance(one, ast.FunctionDef) and one.name == call.args[0].id]
        if len(defined) != 1 or len(defined[0].args.args) < 2 or any(one.arg == "argnums" for one in call.keywords):
            return
        statement = self._statement_of(call)
        if statement is not None and call.lineno == call.end_lineno and len(call.args) == 1:
            changed = ast.Call(call.func, [*call.args], [ast.keyword("argnums", ast.Constant(1)), *call.keywords])
            row = call.lineno - 1
            line = self._lines[row].encode()
            text = line[: call.col_offset].decode() + ast.unparse(changed) + line[call.end_col_offset :].decode()
            yield "wrong argnums", call.lineno, "".join([*self._lines[:row], text, *self._lines[row + 1 :]])

    def _same(self, target: ast.expr, given: ast.expr | None) -> bool:
        return given is not None and ast.unparse(target) == ast.unparse(given)

    def _in_loop(self, node: ast.AST) -> bool:
        while node in self._parents:
            node = self._parents[node]
            if isinstance(node, (ast.For, ast.While)):
                return True
            if isinstance(node, (ast.FunctionDef, ast.Lambda)):
                return False
        return False

    def _statement_of(self, node: ast.AST) -> ast.stmt | None:
        while node in self._parents and not isinstance(node, ast.stmt):
            node = self._parents[node]
        return node if isinstance(node, ast.stmt) else None

    def _without(self, node: ast.stmt) -> str:
        return self._with(node, "pass")

    def _with(self, node: ast.stmt, text: str) -> str:
        row = node.lineno - 1
        end = node.end_lineno or node.lineno
        text = " " * node.col_offset + text + "\n" + "\n" * (end - node.lineno)
        return "".join([*self._lines[:row], text, *self._lines[end:]])

    def _before(self, node: ast.stmt, text: str) -> str:
        row = node.lineno - 1
        return "".join([*self._lines[:row], " " * node.col_offset + text + "\n", *self._lines[row:]])


def _called(node: ast.expr) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)


def _ends(node: ast.expr, names: tuple[str, ...]) -> bool:
    return _called(node) in names


def _renamed(target: ast.expr, given: set[str], form: str) -> str:
    """The target, with those of its parts that are given to the call under another name."""
    if isinstance(target, ast.Tuple):
        return ", ".join(_renamed(one, given, form) for one in target.elts)
    text = ast.unparse(target)
    return form.format(re.sub(r"\W+", "_", text).strip("_")) if text in given else text
