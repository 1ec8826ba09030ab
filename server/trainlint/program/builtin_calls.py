"""Calls of Python's built-in functions."""

from __future__ import annotations

import ast
import builtins
import math
from dataclasses import replace

from . import access, assignment, calls, operations, parameters, unseen
from .frameworks.table import canonical
from .machine import Machine
from .things import (
    NONE,
    PLAIN,
    UNKNOWN,
    Constant,
    External,
    Function,
    Generator,
    Many,
    Mapping,
    Parameters,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from .values import mix

_BUILTINS = frozenset(dir(builtins))


def builtin(name: str) -> External | None:
    return External(f"builtins.{name}") if name in _BUILTINS else None


def call(m: Machine, node: ast.expr, name: str, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    """The value of a call of the built-in function `name`."""
    first = args[0] if args else UNKNOWN
    if name in ("list", "tuple", "set", "sorted", "reversed", "iter"):
        if isinstance(first, Parameters) and name not in ("reversed", "iter"):
            parameters.exhaust(m, node, first)
            return first.kept
        if isinstance(first, Sequence) and name == "reversed":
            return first.turned()
        if isinstance(first, Sequence) and name == "sorted":
            return Many(access.item_of(first))
        return first
    if name in ("filter", "map") and len(args) > 1:
        given = args[1]
        if name == "map" and isinstance(first, (Function, External)):
            element = given.kept if isinstance(given, Parameters) else access.item(m, given, UNKNOWN)
            parameters.exhaust(m, node, given, sure=False)
            return Many(calls.apply(m, node, first, [element], {}, used=True))
        return replace(given.some, generator=Generator(node, m.turns)) if isinstance(given, Parameters) else given
    if name == "next":
        member = access.item(m, first, UNKNOWN)
        if isinstance(member, Thing) and member.role is None and not member.carries and not member.uses:
            member.data = True
        return member
    if name in ("sum", "max", "min", "abs"):
        if isinstance(first, Parameters):
            parameters.exhaust(m, node, first)
            return first.some
        return operations.computed(m, mix(tuple(args)), operations.compute(m, node, name, args))
    if name == "getattr" and len(args) > 1:
        wanted = args[1].value if isinstance(args[1], Constant) else None
        if isinstance(wanted, str) and isinstance(node, ast.expr):
            return access.attribute(m, node, first, wanted)
        if isinstance(first, External):
            return External(f"{first.name}.Chosen")
        return unseen.call(m, node, UNKNOWN, args, keywords, used)
    if name == "setattr" and len(args) > 2 and isinstance(args[1], Constant) and isinstance(args[1].value, str):
        assignment.set_attribute(m, node, first, args[1].value, args[2])
        return NONE
    if name == "setattr" and len(args) > 2 and isinstance(first, Thing):
        m.record_binding(first, None, node, args[2])
        return NONE
    if name == "dict":
        if isinstance(first, Parameters):
            parameters.exhaust(m, node, first)
            return first.kept
        return Mapping(tuple(keywords.items())) if keywords and not args else first if args else Mapping(())
    if name == "float" and isinstance(first, Constant) and (number := _finite(first)) is not None:
        return number
    if name in ("float", "int", "round"):
        return Tensor(origin=operations.compute(m, node, name, args, cuts=True))
    if name == "isinstance" and len(args) == 2 and isinstance(first, Thing) and isinstance(args[1], External):
        made = first.created_by if first.cls is None else None
        return Constant(True) if made is not None and canonical(made) == canonical(args[1].name) else PLAIN
    if name in ("bool", "len", "isinstance", "hasattr", "id"):
        return PLAIN
    if name in ("str", "repr", "type", "range", "print"):
        return UNKNOWN
    if name in ("zip", "enumerate"):
        return Sequence(tuple(args))
    return UNKNOWN


def _finite(written: Constant) -> Constant | None:
    """The number that a text, or another number, stands for."""
    if isinstance(written.value, bool) or not isinstance(written.value, (int, float, str)):
        return None
    try:
        number = float(written.value)
    except (ValueError, OverflowError):
        return None
    return Constant(number, written.source) if math.isfinite(number) else None
