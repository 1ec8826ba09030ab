"""Edits of what a call is given."""

from __future__ import annotations

import ast

from ..finding import Edit, Fix
from ..rules.remedy import AddToOperand, OnOperand, SetArgument, SwapArguments
from ..source.parse import span_of
from ..source.text import SourceText, Span
from .offer import unsafe

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


def on_operand(remedy: OnOperand, tree: ast.Module, source: SourceText) -> Fix | None:
    operand = _operand(remedy.node, remedy.index, remedy.name)
    if operand is None:
        return None
    span = span_of(operand, source)
    text = source.slice(span)
    changed = f"{text}.{remedy.call}" if isinstance(operand, _ATOMS) else f"({text}).{remedy.call}"
    return unsafe(f"Call `.{remedy.call}` on `{ast.unparse(operand)}`", Edit(span, changed))


def add_to_operand(remedy: AddToOperand, tree: ast.Module, source: SourceText) -> Fix | None:
    node = remedy.node
    if isinstance(node, ast.BinOp):
        operand, bare = node.left, False
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (not node.args or _is_method(node)):
        operand, bare = node.func.value, False
    elif isinstance(node, ast.Call) and node.args and not isinstance(node.args[0], ast.Starred):
        operand, bare = node.args[0], True
    else:
        return None
    span = span_of(operand, source)
    inside = bare or not isinstance(operand, _ATOMS)
    text = source.slice(span)
    text = f"{text} + {remedy.text}" if isinstance(operand, (*_ATOMS, ast.BinOp)) else f"({text}) + {remedy.text}"
    return unsafe(f"Add {remedy.text} before", Edit(span, text if inside else f"({text})"))


def _is_method(call: ast.Call) -> bool:
    """A power written as a method of a tensor, with its exponent as the argument."""
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant)


def swap_arguments(remedy: SwapArguments, tree: ast.Module, source: SourceText) -> Fix | None:
    call = remedy.call
    if not isinstance(call, ast.Call) or len(call.args) < 2 or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    first, second = (span_of(argument, source) for argument in call.args[:2])
    return unsafe("Exchange the arguments", Edit(first, source.slice(second)), Edit(second, source.slice(first)))


def set_argument(remedy: SetArgument, tree: ast.Module, source: SourceText) -> Fix | None:
    call = remedy.call
    if not isinstance(call, ast.Call) or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    given = _operand(call, remedy.index, remedy.name)
    if given is not None:
        return unsafe(remedy.title, Edit(span_of(given, source), remedy.text))
    written = f"{remedy.name}={remedy.text}"
    last = max((span_of(one, source).end for one in (*call.args, *call.keywords)), default=None)
    if last is not None:
        return unsafe(remedy.title, Edit(Span(last, last), f", {written}"))
    whole = span_of(call, source)
    return unsafe(remedy.title, Edit(whole, source.slice(whole)[:-1] + written + ")"))


def _operand(node: ast.AST, index: int, name: str) -> ast.expr | None:
    if isinstance(node, ast.BinOp):
        return node.left if index == 0 else node.right
    if not isinstance(node, ast.Call) or any(isinstance(one, ast.Starred) for one in node.args):
        return None
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    return node.args[index] if 0 <= index < len(node.args) else None
