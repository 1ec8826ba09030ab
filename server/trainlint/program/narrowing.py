"""What a test tells of a value: on which of its sides it is a plain value, and no tensor."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TypeVar

from . import expressions
from .frameworks.table import TENSOR_ATTRIBUTES, TENSOR_CLASSES, TENSOR_TESTS
from .machine import Machine
from .names import text_of
from .things import External

Result = TypeVar("Result")

_PLAIN_CLASSES = frozenset({"int", "float", "complex", "bool", "str", "bytes", "Number", "numbers.Number", "numbers.Real"})


def side(m: Machine, test: ast.expr, work: Callable[[], Result], *, truth: bool) -> Result:
    """`work` where `test` came out as `truth`."""
    outer = m.plain
    found = {(m.frame, text) for text in _plain(m, test, truth)}
    if found:
        m.plain = outer | found
    try:
        return work()
    finally:
        m.plain = outer


def _plain(m: Machine, test: ast.expr, truth: bool) -> Iterator[str]:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _plain(m, test.operand, not truth)
    elif isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) == truth:
        for part in test.values:
            yield from _plain(m, part, truth)
    elif isinstance(test, ast.Call) and test.args and _is_denied(m, test, truth):
        yield text_of(test.args[0])


def _is_denied(m: Machine, test: ast.Call, truth: bool) -> bool:
    asked, told = text_of(test.func), test.args[1] if len(test.args) == 2 else None
    if asked == "hasattr":
        return not truth and isinstance(told, ast.Constant) and told.value in TENSOR_ATTRIBUTES
    if asked == "isinstance" and told is not None:
        classes = told.elts if isinstance(told, ast.Tuple) else [told]
        if truth:
            return all(text_of(one) in _PLAIN_CLASSES for one in classes)
        return any(_names(m, one, TENSOR_CLASSES) for one in classes)
    return told is None and not truth and _names(m, test.func, TENSOR_TESTS)


def _names(m: Machine, node: ast.expr, names: frozenset[str]) -> bool:
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return False
    value = expressions.evaluate(m, node)
    return isinstance(value, External) and value.name in names
