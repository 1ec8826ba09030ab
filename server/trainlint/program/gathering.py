"""What a loop gathers: lists, and sums of numbers, whose growth changes nothing for later turns; and what it only shows."""

from __future__ import annotations

import ast
from collections.abc import MutableSet

from ..source.nodes import walk
from . import unseen
from .index import names_in
from .machine import Machine
from .scope import Key
from .things import Constant, Counter, Either, External, Method, Modulo, Operation, Origin, Sequence, Tensor, Thing, Value
from .values import alternatives
from .vocabulary import LIST_GROWTH

Looks = list[tuple[Key, MutableSet[Key]]]
"""Looks at variables that may prove to be none: each key, and a set of what is sought that does not hold it."""


def growing(m: Machine, node: ast.AugAssign | ast.Expr) -> tuple[Key, Value, Looks] | None:
    """The variable that `total += number` or `members.append(member)` adds to, what it holds, and who is to hear of a look at it.

    To be handed to `grown` once the statement is lowered.
    """
    key = _key(m, node)
    before = m.store.known(key) if key is not None else None
    if key is None or before is None:
        return None
    return key, before, [(key, sought) for sought in m.store.unaware(key)]


def grown(m: Machine, node: ast.AugAssign | ast.Expr, growth: tuple[Key, Value, Looks] | None) -> None:
    """Nobody takes it for a look at what was there before, where the result is the same in every turn.

    A list takes what is like one of its members already for that; the sum of numbers is a number, and no graph leads through it.
    """
    if growth is None:
        return
    key, before, looks = growth
    after = m.store.known(key)
    if isinstance(node, ast.Expr):
        same = isinstance(before, Sequence) and isinstance(after, Sequence)
    else:
        same = isinstance(before, (Constant, Tensor)) and isinstance(after, Tensor) and _is_number(after)
    if same:
        overlook(looks)


def shown(m: Machine, node: ast.Call, callee: Value) -> Looks:
    """Looks of a call that prints or logs at numbers, which nobody but the user sees. To be overlooked once it is lowered."""
    if not isinstance(callee, (External, Method, Thing)) or not _shows(node.func):
        return []
    keys = {(m.frame.owner(name), name) for name in names_in(node) if name in m.frame.bound}
    numbers = [key for key in keys if isinstance(value := m.store.known(key), (Constant, Tensor)) and _is_number(value)]
    return [(key, sought) for key in numbers for sought in m.store.unaware(key)]


def overlook(looks: Looks) -> None:
    for key, sought in looks:
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
    if isinstance(target, ast.Name):
        return None if any(target.id in names_in(one) for one in given) else (m.frame.owner(target.id), target.id)
    if not isinstance(target, ast.Attribute) or not isinstance(target.value, ast.Name):
        return None
    holder = m.store.known((m.frame.owner(target.value.id), target.value.id))
    looked_at = any(isinstance(part, ast.Attribute) and part.attr == target.attr for one in given for part in walk(one))
    return (holder, target.attr) if isinstance(holder, Thing) and not looked_at else None


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
