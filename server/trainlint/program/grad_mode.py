"""Autograd turned off and on: contexts, decorators, and calls that set the mode."""

from __future__ import annotations

import ast

from . import expressions
from .effects import GradMode
from .frameworks.table import Meaning, meaning
from .machine import Machine
from .things import NONE, UNKNOWN, Constant, External, Operation, Tensor, Value
from .values import alternatives

_WITHOUT_GRAPHS = (Meaning.NO_GRAD, Meaning.INFERENCE)
MODES = (*_WITHOUT_GRAPHS, Meaning.GRAD, Meaning.SET_GRAD)
_SWITCH = {True: "on", False: "off", None: "unknown"}


def called(m: Machine, node: ast.expr, name: str, kind: Meaning, argument: Value) -> Value:
    """The context that a call builds; a call that sets the mode and stands alone has done so."""
    switch = _switch(kind, argument)
    if kind is Meaning.ASK_GRAD:
        return UNKNOWN if m.grad_enabled else Constant(False)
    if kind is Meaning.SET_GRAD and isinstance(m.statement, ast.Expr) and m.statement.value is node:
        m.set_grad_mode(node, switch)
        m.emit_effect(GradMode, node, switch)
        return NONE
    return External(f"{name}:{_SWITCH[switch]}()")


def _switch(kind: Meaning, argument: Value) -> bool | None:
    """What the call sets: `inference_mode(False)` builds graphs; None where that is out of sight."""
    given = bool(argument.value) if isinstance(argument, Constant) else None
    if kind is Meaning.SET_GRAD:
        return given
    if kind in _WITHOUT_GRAPHS:
        return False if argument == UNKNOWN else None if given is None else not given
    return True


def entered(m: Machine, context: ast.expr, name: str) -> ast.AST | bool | None:
    """The state of autograd inside `context`, named as `called` names it."""
    qualified, _, switch = name.partition(":")
    if meaning(qualified) not in MODES:
        return m.grad_context
    return _turned_off(m, context, meaning(qualified)) if switch == "off" else True


def _turned_off(m: Machine, node: ast.AST, kind: Meaning | None) -> ast.AST:
    """What turns autograd off inside: `node`, or what had done so before."""
    if m.grad_disabled_by is None and kind is Meaning.INFERENCE:
        m.inference.add(node)
    return m.grad_disabled_by or node


def decorated(m: Machine, decorator: ast.expr) -> ast.AST | bool | None:
    """The state of autograd inside a function with this decorator."""
    value = expressions.evaluate(m, decorator.func if isinstance(decorator, ast.Call) else decorator)
    kind = meaning(value.name) if isinstance(value, External) else None
    if kind not in MODES:
        return m.grad_context
    if isinstance(decorator, ast.Call):
        value = expressions.evaluate(m, decorator)
        return entered(m, decorator, value.name[:-2]) if isinstance(value, External) else m.grad_context
    return _turned_off(m, decorator, kind) if kind in _WITHOUT_GRAPHS else True


def without_graph(tensor: Tensor) -> bool:
    """It was computed without a graph on every path that led here, and nothing makes it require a gradient."""
    return tensor.origin is not None and all(
        isinstance(origin, Operation) and (origin.cuts or not origin.recorded) and origin.leaf_at is None
        for origin in alternatives(tensor.origin)
    )
