"""Operators on two values."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import replace

from . import access, conditions, operations, parameters
from .machine import Machine
from .things import PLAIN, UNKNOWN, Constant, Counter, Many, Modulo, Parameters, Plain, Sequence, Value
from .values import join, mix

_ARITHMETIC: dict[type[ast.operator], Callable[[object, object], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floordiv",
    ast.Mod: "remainder",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
}


def _is_number(value: Value) -> bool:
    return isinstance(value, (Counter, Modulo, Plain)) or (isinstance(value, Constant) and isinstance(value.value, (int, float)))


def binary(m: Machine, node: ast.AST, kind: ast.operator, left: Value, right: Value) -> Value:
    """The value of an arithmetic operation."""
    if isinstance(left, Constant) and isinstance(right, Constant):
        apply = _ARITHMETIC.get(type(kind))
        numbers = (int, float, str)
        if apply is None or not isinstance(left.value, numbers) or not isinstance(right.value, numbers):
            return UNKNOWN
        if isinstance(kind, (ast.Pow, ast.Mult)) and max(len(str(left.value)), len(str(right.value))) > 18:
            return UNKNOWN
        if isinstance(kind, ast.Pow) and isinstance(right.value, (int, float)) and abs(right.value) > 64:
            return UNKNOWN
        try:
            return Constant(apply(left.value, right.value))
        except (ArithmeticError, TypeError, ValueError):
            return UNKNOWN
    if isinstance(left, Counter):
        if isinstance(right, Constant) and isinstance(right.value, int):
            if isinstance(kind, ast.Add):
                return Counter(left.name, left.offset + right.value)
            if isinstance(kind, ast.Sub):
                return Counter(left.name, left.offset - right.value)
        if isinstance(kind, ast.Mod):
            modulus = conditions.modulus(right)
            written = node.right if isinstance(node, ast.BinOp) else None
            return Modulo(left.name, left.offset, modulus, written) if modulus is not None else PLAIN
    if _is_number(left) and _is_number(right):
        return PLAIN
    if isinstance(left, Counter):
        return UNKNOWN
    if isinstance(right, Counter) and isinstance(left, Constant) and isinstance(left.value, int) and isinstance(kind, ast.Add):
        return Counter(right.name, right.offset + left.value)
    if isinstance(left, Sequence) and isinstance(right, Sequence) and isinstance(kind, ast.Add):
        return left.plus(right)
    if isinstance(left, (Sequence, Many)) and isinstance(right, (Sequence, Many)) and isinstance(kind, ast.Add):
        return next((one for one, other in ((left, right), (right, left)) if other == Sequence(())), Many(_either(left, right)))
    if isinstance(kind, ast.Mult):
        for side in (left, right):
            if isinstance(side, (Sequence, Many)):
                return Many(access.item_of(side))
    if isinstance(left, Parameters) or isinstance(right, Parameters):
        parts = [parameters.of(value) for value in (left, right) if isinstance(value, (Parameters, Sequence))]
        if len(parts) == 2 or isinstance(kind, ast.Add):
            whole = Parameters.union(parts)
            return whole if len(parts) == 2 else replace(whole, opaque=True)
    return operations.computed(m, mix((left, right)), operations.compute(m, node, _OPERATORS[type(kind)], (left, right)))


def _either(left: Sequence | Many, right: Sequence | Many) -> Value:
    """Any one member of two collections."""
    return join(access.item_of(left), access.item_of(right))
