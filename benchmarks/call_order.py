"""In which order a text calls `zero_grad`, `backward` and `step`, by walking it as Python would, without running it.

Conditions are decided by chance, the same text in the same turn always the same way, so that two texts that differ in
one statement take the same paths. Functions and methods of the same text are entered where they are called.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from trainlint.program.naming import affinity

CLEARS = frozenset({"zero_grad"})
BACKWARDS = frozenset({"backward", "manual_backward"})
STEPS = frozenset({"step"})
KINDS = {**dict.fromkeys(CLEARS, "clear"), **dict.fromkeys(BACKWARDS, "backward"), **dict.fromkeys(STEPS, "step")}
TURNS = 3
DEPTH = 4
LONGEST = 3_000
SEEDS = range(6)

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Call = tuple[str, str]
"""(clear, backward or step; on what, by the caller's names)"""


def calls(text: str) -> list[list[Call]]:
    """The calls of each function that no other function of `text` calls, and of its top level, on several paths."""
    tree = ast.parse(text)
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    called = {_name(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    roots = [tree.body, *(function.body for name, function in functions.items() if name not in called)]
    return [_Walk(functions, seed).run(body) for body in roots for seed in SEEDS]


def effective(order: Iterable[Call]) -> list[Call]:
    """`order` without the clears that find nothing to clear, and without those that nothing follows."""
    order = list(order)
    steppers = sorted({what.partition(" ")[2] or what for kind, what in order if kind == "step"})
    kept: list[Call] = []
    filled: dict[str, bool] = {}
    for kind, what in order:
        if kind == "clear":
            key = _optimizer(what, steppers)
            if filled.get(key, False):
                kept.append(("clear", key))
            filled[key] = False
            continue
        if kind == "backward":
            filled = dict.fromkeys([*filled, *steppers], True)
        kept.append((kind, what))
    while kept and kept[-1][0] == "clear":
        kept.pop()
    return kept


def _optimizer(cleared: str, steppers: list[str]) -> str:
    """The optimizer that steps what is cleared: itself, the only one, or the one that a model is named like."""
    if cleared in steppers or not steppers:
        return cleared
    return steppers[0] if len(steppers) == 1 else max(steppers, key=lambda stepper: affinity(stepper, cleared))


class _LeftLoop(Exception):
    pass


class _NextTurn(Exception):
    pass


class _Left(Exception):
    pass


class _TooLong(Exception):
    pass


@dataclass
class _Walk:
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]
    seed: int
    order: list[Call] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    entered: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def run(self, body: list[ast.stmt]) -> list[Call]:
        with suppress(_Left, _LeftLoop, _NextTurn, _TooLong):
            self._suite(body)
        return self.order

    def _suite(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, statement: ast.stmt) -> None:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
            return
        if isinstance(statement, ast.If):
            self._expression(statement.test)
            self._suite(statement.body if self._holds(statement.test) else statement.orelse)
        elif isinstance(statement, (ast.For, ast.AsyncFor, ast.While)):
            self._loop(statement)
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            for item in statement.items:
                self._expression(item.context_expr)
            self._suite(statement.body)
        elif isinstance(statement, ast.Try):
            try:
                self._suite(statement.body)
                self._suite(statement.orelse)
            finally:
                self._suite(statement.finalbody)
        elif isinstance(statement, ast.Break):
            raise _LeftLoop
        elif isinstance(statement, ast.Continue):
            raise _NextTurn
        else:
            for child in ast.iter_child_nodes(statement):
                if isinstance(child, ast.expr):
                    self._expression(child)
            if isinstance(statement, (ast.Return, ast.Raise)):
                raise _Left

    def _loop(self, loop: ast.For | ast.AsyncFor | ast.While) -> None:
        for turn in range(TURNS):
            self.turns.append(turn)
            try:
                self._suite(loop.body)
            except _NextTurn:
                pass
            except _LeftLoop:
                return
            finally:
                self.turns.pop()
        self._suite(loop.orelse)

    def _holds(self, test: ast.expr) -> bool:
        return random.Random(f"{self.seed} {self.turns} {ast.unparse(test)}").random() < 0.6

    def _expression(self, expression: ast.expr) -> None:
        for call in _calls(expression):
            name = _name(call.func)
            if isinstance(call.func, ast.Attribute) and name in KINDS:
                self._closure(call)
                self._note(KINDS[name], call.func.value, call)
            elif name in self.functions and not self._is_foreign(call.func):
                self._enter(self.functions[name], call)

    def _note(self, kind: str, receiver: ast.expr, call: ast.Call) -> None:
        what = self._text(receiver)
        if call.args and kind != "clear" and not self._closures(call):
            what += f" {self._text(call.args[0])}"
        self.order.append((kind, what))
        if len(self.order) > LONGEST:
            raise _TooLong

    def _closures(self, call: ast.Call) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        given = [argument.id for argument in call.args if isinstance(argument, ast.Name)]
        return [self.functions[name] for name in given if name in self.functions]

    def _closure(self, call: ast.Call) -> None:
        for function in self._closures(call):
            self._enter(function, ast.Call(ast.Name(function.name), [], []))

    @staticmethod
    def _is_foreign(func: ast.expr) -> bool:
        return isinstance(func, ast.Attribute) and not (isinstance(func.value, ast.Name) and func.value.id in ("self", "cls"))

    def _enter(self, function: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call) -> None:
        if function.name in self.entered or len(self.entered) >= DEPTH:
            return
        parameters = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        if parameters[:1] == ["self"]:
            parameters = parameters[1:]
        names = {name: self._text(value) for name, value in zip(parameters, call.args, strict=False)}
        names |= {keyword.arg: self._text(keyword.value) for keyword in call.keywords if keyword.arg}
        outer, turns, self.names, self.turns = self.names, self.turns, names, list(self.turns)
        self.entered.append(function.name)
        try:
            self._suite(function.body)
        except (_Left, _LeftLoop, _NextTurn):
            pass
        finally:
            self.entered.pop()
            self.names, self.turns = outer, turns

    def _text(self, expression: ast.expr) -> str:
        text = ast.unparse(expression)
        root = text.partition(".")[0]
        return self.names[root] + text[len(root) :] if root in self.names else text


def _calls(expression: ast.AST) -> Iterator[ast.Call]:
    """The calls of an expression, operands first."""
    if isinstance(expression, ast.Lambda):
        return
    for child in ast.iter_child_nodes(expression):
        yield from _calls(child)
    if isinstance(expression, ast.Call):
        yield expression


def _name(func: ast.expr) -> str:
    return ast.unparse(func).rpartition(".")[2]
