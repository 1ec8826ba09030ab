"""Tests to guards: what a condition is about, so that two of them can be told to agree."""

from __future__ import annotations

import ast

from . import assignment, expressions, options
from .guards import FRESH, TRUE, And, Flag, Guard, Known, Or, Periodic, Reached, negate
from .machine import Machine
from .things import Constant, Counter, External, Function, Gradient, Modulo, Parameters, Sequence, Thing, Value

__all__ = ["FRESH", "Known", "condition", "modulus"]

_COMPARISONS: dict[type[ast.cmpop], tuple[str, bool, int]] = {
    ast.Eq: ("==", False, 0),
    ast.NotEq: ("==", True, 0),
    ast.Lt: ("<", False, 0),
    ast.LtE: ("<=", False, 0),
    ast.Gt: ("<=", True, 0),
    ast.GtE: ("<", True, 0),
}
_PURE_CALLS = frozenset({"len", "isinstance", "hasattr", "callable", "bool", "int"})


def condition(m: Machine, test: ast.expr) -> Guard:
    """The guard that `test` is; the effects of evaluating it are emitted."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return negate(condition(m, test.operand))
    if isinstance(test, ast.BoolOp):
        return _combine(isinstance(test.op, ast.And), [condition(m, value) for value in test.values])
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _comparison(m, test)
    if isinstance(test, ast.Compare):
        expressions.evaluate(m, test)
        return FRESH
    value = expressions.evaluate(m, test)
    options.looked_at(value)
    if isinstance(value, Constant):
        return Known(bool(value.value))
    if isinstance(value, Modulo):
        return negate(_periodic(value, 0))
    if isinstance(value, Counter):
        return negate(Reached(value.name, value.offset, "==", 0))
    if isinstance(value, (Parameters, Function)):
        return TRUE
    if isinstance(value, Sequence) and (not value.items or any(isinstance(item, Thing) for item in value.items)):
        return Known(bool(value.items))
    return _flag(m, test)


def modulus(value: Value) -> int | str | None:
    """What a counter is taken modulo: a number, or the identity of a symbol."""
    if isinstance(value, Constant):
        return value.value if isinstance(value.value, int) and value.value > 0 else None
    if isinstance(value, Thing):
        return f"@{id(value)}"
    return "@unknown"


def _combine(conjunction: bool, parts: list[Guard]) -> Guard:
    absorbing = Known(not conjunction)
    if absorbing in parts:
        return absorbing
    rest = tuple(part for part in parts if not isinstance(part, Known))
    if len(rest) < 2:
        return rest[0] if rest else Known(conjunction)
    return And(rest) if conjunction else Or(rest)


def _periodic(value: Modulo, residue: int) -> Guard:
    if isinstance(value.modulus, int):
        if value.modulus == 1:
            return Known(residue == 0)
        residue %= value.modulus
    return Periodic(value.counter, value.offset, value.modulus, residue, value.written)


def _comparison(m: Machine, test: ast.Compare) -> Guard:
    left, right = (expressions.evaluate(m, side) for side in (test.left, test.comparators[0]))
    kind = type(test.ops[0])
    options.looked_at(left)
    options.looked_at(right)
    if isinstance(test.ops[0], (ast.Is, ast.IsNot)):
        return _identity(m, test, left, right)
    if kind not in _COMPARISONS:
        return _flag(m, test)
    if isinstance(left, Constant) and isinstance(right, Constant):
        return _known(kind, left.value, right.value)
    operator, negated, _ = _COMPARISONS[kind]
    guard: Guard | None = None
    if isinstance(left, Modulo) and operator == "==":
        guard = _residue(left, right, test.comparators[0])
    elif isinstance(right, Modulo) and operator == "==":
        guard = _residue(right, left, test.left)
    elif isinstance(left, Counter) and isinstance(right, Constant) and isinstance(right.value, int):
        guard = Reached(left.name, left.offset, operator, right.value)
    elif isinstance(right, Counter) and isinstance(left, Constant) and isinstance(left.value, int):
        mirrored = {"==": "==", "<": "<=", "<=": "<"}[operator]
        guard = Reached(right.name, right.offset, mirrored, left.value)
        negated = negated if operator == "==" else not negated
    if guard is None:
        return _flag(m, test)
    return negate(guard) if negated else guard


def _residue(left: Modulo, right: Value, written: ast.expr) -> Guard | None:
    """`left == right`, also for the last of each period: `i % k == k - 1`."""
    if isinstance(right, Constant) and isinstance(right.value, int):
        return _periodic(left, right.value)
    if (
        isinstance(written, ast.BinOp)
        and isinstance(written.op, ast.Sub)
        and isinstance(written.right, ast.Constant)
        and isinstance(written.right.value, int)
        and isinstance(left.modulus, str)
    ):
        return _periodic(left, -written.right.value)
    return None


def _known(kind: type[ast.cmpop], left: object, right: object) -> Guard:
    try:
        if kind is ast.Eq:
            return Known(left == right)
        if kind is ast.NotEq:
            return Known(left != right)
        if not isinstance(left, (int, float)) or not isinstance(right, (int, float)):
            return FRESH
        if kind is ast.Lt:
            return Known(left < right)
        if kind is ast.LtE:
            return Known(left <= right)
        return Known(left > right) if kind is ast.Gt else Known(left >= right)
    except TypeError:
        return FRESH


def _identity(m: Machine, test: ast.Compare, left: Value, right: Value) -> Guard:
    if isinstance(right, Constant) and right.value is None:
        same = isinstance(test.ops[0], ast.Is)
        if isinstance(left, Constant):
            return Known((left.value is None) == same)
        if isinstance(left, Gradient):
            # Where there is no gradient, whatever this guards has nothing to act on.
            return Known(not same)
        if isinstance(left, (Function, Sequence, External)) or (isinstance(left, Thing) and left.in_sight and not left.optional):
            return Known(not same)
        key = _key(m, test.left)
        if key is not None:
            flag = Flag(f"{key[0]} is None", key[1])
            return flag if same else negate(flag)
    return _flag(m, test)


def _flag(m: Machine, test: ast.expr) -> Guard:
    key = _key(m, test)
    return Flag(*key) if key is not None else FRESH


def _key(m: Machine, node: ast.expr) -> tuple[str, frozenset[str]] | None:
    """The identity of a pure expression and the variables it depends on; None where it has none."""
    if isinstance(node, ast.Constant):
        return repr(node.value), frozenset()
    if isinstance(node, ast.Name):
        return _name_key(m, node.id)
    if isinstance(node, ast.Attribute):
        inner = _key(m, node.value)
        return (f"{inner[0]}.{node.attr}", inner[1] | {f".{node.attr}"}) if inner else None
    parts: list[ast.expr]
    if isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.BinOp):
        parts = [node.left, node.right]
    elif isinstance(node, ast.UnaryOp):
        parts = [node.operand]
    elif isinstance(node, ast.BoolOp):
        parts = node.values
    elif isinstance(node, ast.Subscript):
        parts = [node.value, node.slice]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _PURE_CALLS and not node.keywords:
        parts = node.args
    else:
        return None
    keys = [_key(m, part) for part in parts]
    if None in keys:
        return None
    shape = type(node).__name__ + "".join(
        type(kind).__name__ for kind in getattr(node, "ops", ()) or [getattr(node, "op", None) or getattr(node, "func", None)]
    )
    if isinstance(node, ast.Call):
        shape += getattr(node.func, "id", "")
    return (
        f"{shape}({','.join(key[0] for key in keys if key)})",
        frozenset().union(*(key[1] for key in keys if key)),
    )


def _name_key(m: Machine, name: str) -> tuple[str, frozenset[str]] | None:
    frame = m.frame
    while frame.outer is not None and m.store.get((frame, name)) is None:
        frame = frame.outer
    value = m.store.get((frame, name))
    key = assignment.variable(frame, name)
    if isinstance(value, Constant):
        return repr(value.value), frozenset()
    if isinstance(value, Thing):
        return f"@{id(value)}", frozenset({key, f"@{id(value)}"})
    return None if isinstance(value, (Counter, Modulo)) else (key, frozenset({key}))
