"""What a loop gathers for its user: sums of numbers and lists of them, whose growth changes nothing for later turns."""

from __future__ import annotations

import ast
from collections.abc import Iterator, MutableSet
from contextlib import contextmanager

from . import unseen
from .index import names_in
from .machine import Machine
from .scope import Key
from .things import (
    Constant,
    Counter,
    Either,
    External,
    Method,
    Modulo,
    Operation,
    Origin,
    Sequence,
    Tensor,
    Thing,
    Value,
    alternatives,
)
from .vocabulary import LIST_GROWTH


@contextmanager
def gathered(m: Machine, node: ast.AugAssign | ast.Expr) -> Iterator[None]:
    """Lower `total += number` or `numbers.append(number)` so that nobody takes it for a look at what was there before.

    Its result is of the same kind in every turn, and no graph leads through it.
    """
    key = _key(m, node) if m.loops else None
    if key is None:
        yield
        return
    unaware, before = m.store.unaware(key), m.store.known(key)
    yield
    after = m.store.known(key)
    if before is not None and after is not None and unaware and _adds_numbers(before, after):
        for sought in unaware:
            sought.discard(key)


@contextmanager
def shown(m: Machine, node: ast.Call, callee: Value) -> Iterator[None]:
    """Lower the arguments of a call that prints or logs; numbers among them are looked at by the user alone."""
    unaware: list[tuple[Key, MutableSet[Key]]] = []
    if m.loops and isinstance(callee, (External, Method, Thing)) and _shows(node.func):
        keys = {(m.frame.owner(name), name) for name in names_in(node) if name in m.frame.bound}
        numbers = [key for key in keys if isinstance(value := m.store.known(key), (Constant, Tensor)) and _is_number(value)]
        unaware = [(key, sought) for key in numbers for sought in m.store.unaware(key)]
    yield
    for key, sought in unaware:
        sought.discard(key)


def _shows(function: ast.expr) -> bool:
    return (isinstance(function, ast.Name) and function.id == "print") or unseen.shows(function)


def _key(m: Machine, node: ast.AugAssign | ast.Expr) -> Key | None:
    """The variable that the statement adds to and does not look at otherwise."""
    target: ast.expr
    if isinstance(node, ast.AugAssign):
        target, given = node.target, [node.value]
    elif (
        isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr in LIST_GROWTH
        and not node.value.keywords
    ):
        target, given = node.value.func.value, node.value.args
    else:
        return None
    if not isinstance(target, ast.Name) or any(target.id in names_in(one) for one in given):
        return None
    return m.frame.owner(target.id), target.id


def _adds_numbers(before: Value, after: Value) -> bool:
    if isinstance(after, Sequence):
        return isinstance(before, Sequence) and all(map(_is_number, after.items[len(before.items) :]))
    return isinstance(before, (Constant, Tensor)) and isinstance(after, Tensor) and _is_number(after)


def _is_number(value: Value, depth: int = 4) -> bool:
    """No graph leads to it, as far as it is in sight: neither a model nor code out of sight has computed it."""
    if isinstance(value, Tensor):
        if value.sources or not value.opaque:
            return not value.sources
        ways = alternatives(value.origin) if value.origin is not None and depth else ()
        return bool(ways) and all(_is_computed(way, depth - 1) for way in ways)
    if isinstance(value, Sequence):
        return all(map(_is_number, value.items))
    if isinstance(value, Thing):
        return value.data or (value.role is None and value.made_by is None and not value.carries)
    return isinstance(value, (Constant, Counter, Modulo, External))


def _is_computed(way: Origin, depth: int) -> bool:
    """From numbers alone."""
    if isinstance(way, Operation):
        return way.callee is None and all(_is_number(part, depth) for part in way.inputs)
    return not isinstance(way, Either) and _is_number(way, depth)
