"""The clears, backwards and steps of a function in the order of the text, and which of them serve one step."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ..program.naming import ACCELERATOR, READING_RECEIVERS, SCALER, names_optimizer, names_scheduler, suggests
from ..source.nodes import children
from .layout import Layout

LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPOUND = (
    *LOOPS, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.Match, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
)  # fmt: skip


_SCOPES = (ast.Lambda, *COMPOUND)
_TRAINING = frozenset({"zero_grad", "backward", "manual_backward", "step"})


class Kind(Enum):
    CLEAR = "clear"
    BACKWARD = "backward"
    STEP = "step"


@dataclass(frozen=True, eq=False)
class Call:
    """`what` is the loss of a backward, else the optimizer (or the model that is cleared), as the user wrote it."""

    kind: Kind
    what: str
    statement: ast.stmt


class Calls:
    """The training calls of one function, in the order of the text."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        statements = sorted((one for one in layout.places if not isinstance(one, COMPOUND)), key=layout.start)
        self.all = [call for statement in statements for call in calls_in(statement)]

    def cleared(self, loop: ast.stmt | None) -> list[str]:
        """What is cleared in a loop, or in the whole function, in order."""
        inside = (call for call in self.all if loop is None or loop in self.layout.chain(call.statement))
        return list(dict.fromkeys(call.what for call in inside if call.kind is Kind.CLEAR))

    def of(self, statement: ast.stmt) -> Call | None:
        """The training call that `statement` is."""
        return next((call for call in self.all if call.statement is statement), None)

    def loop(self, statement: ast.stmt) -> ast.stmt | None:
        """The innermost loop around `statement`."""
        return next((outer for outer in self.layout.chain(statement)[1:] if isinstance(outer, LOOPS)), None)

    def exclusive(self, one: ast.stmt, other: ast.stmt) -> bool:
        """No run comes to both: they lie on two sides of a condition."""
        chain = set(self.layout.chain(one))
        for outer in self.layout.chain(other):
            if outer in chain:
                return (
                    isinstance(outer, (ast.If, ast.Match))
                    and outer not in (one, other)
                    and self.layout.meet(one, other)
                    == (
                        outer,
                        outer,
                    )
                )
        return False

    def before(self, statement: ast.stmt) -> list[Call]:
        """The calls in front of `statement` within its innermost loop, nearest first."""
        loop = self.loop(statement)
        start = self.layout.start(statement)
        return [
            call
            for call in reversed(self.all)
            if self.layout.start(call.statement) < start
            and (loop is None or loop in self.layout.chain(call.statement))
            and not self.exclusive(call.statement, statement)
        ]

    def group(self, step: ast.stmt) -> Group:
        """What serves `step`: the backwards since the steps before, and the steps right beside it."""
        backwards: list[Call] = []
        clears: list[Call] = []
        siblings: list[Call] = []
        for call in self.before(step):
            if call.kind is Kind.STEP:
                others = {clear.what for clear in clears} - {call.what, *(sibling.what for sibling in siblings)}
                if backwards or others:
                    break
                siblings.insert(0, call)
            elif call.kind is Kind.BACKWARD:
                backwards.insert(0, call)
            else:
                clears.insert(0, call)
        following: list[Call] = []
        start = self.layout.start(step)
        for call in self.all:
            if self.layout.start(call.statement) > start and not self.exclusive(call.statement, step):
                if call.kind is Kind.BACKWARD or self.layout.places[call.statement].suite is not self.layout.places[step].suite:
                    break
                if call.kind is Kind.STEP:
                    following.append(call)
        return Group(backwards, clears, siblings, following)


@dataclass(frozen=True)
class Group:
    """The calls that serve one step, in the order of the text. `earlier` and `later` are steps beside it."""

    backwards: list[Call]
    clears: list[Call]
    earlier: list[Call]
    later: list[Call]


def differentiated(loss: str, scaler: str | None, through: str | None) -> str:
    """The backward of a loss: by calling `through`, or of the loss as `scaler` makes it."""
    if through:
        return f"{through}({loss})"
    written = loss if loss.replace(".", "").replace("()", "").isidentifier() else f"({loss})"
    return f"{scaler}.scale({loss}).backward()" if scaler else f"{written}.backward()"


def calls_in(statement: ast.stmt) -> Iterator[Call]:
    """The training calls of a simple statement, without those of functions defined in it."""
    for node in _outside_functions(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            call = _call(node, node.func, statement)
            if call is not None:
                yield call


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in children(node):
        if not isinstance(child, _SCOPES):
            yield from _outside_functions(child)


def _call(node: ast.Call, func: ast.Attribute, statement: ast.stmt) -> Call | None:
    if func.attr not in _TRAINING:
        return None
    receiver = ast.unparse(func.value)
    if func.attr == "zero_grad":
        return Call(Kind.CLEAR, receiver, statement)
    if func.attr in ("backward", "manual_backward"):
        through = node.args and (func.attr == "manual_backward" or suggests(receiver, ACCELERATOR | {"autograd", "engine"}))
        loss = ast.unparse(node.args[0]) if through else _unscaled(func.value)
        return Call(Kind.BACKWARD, loss, statement)
    if func.attr != "step":
        return None
    given = [ast.unparse(argument) for argument in node.args]
    if given and suggests(receiver, SCALER):
        return Call(Kind.STEP, given[0], statement)
    if names_optimizer(receiver) or not (given or names_scheduler(receiver) or suggests(receiver, READING_RECEIVERS)):
        return Call(Kind.STEP, receiver, statement)
    return None


def _unscaled(loss: ast.expr) -> str:
    """The loss in `scaler.scale(loss)`."""
    if isinstance(loss, ast.Call) and isinstance(loss.func, ast.Attribute) and loss.func.attr == "scale" and loss.args:
        return ast.unparse(loss.args[0])
    return ast.unparse(loss)
