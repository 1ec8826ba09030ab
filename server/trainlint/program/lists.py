"""Lists that grow and shrink in sight."""

from __future__ import annotations

import ast

from . import access, assignment, parameters
from .machine import Machine
from .things import Constant, Many, Parameters, Sequence, Value

CHANGING = frozenset({"pop", "remove", "clear", "reverse", "sort"})
_MOST = 32


def grown(m: Machine, node: ast.expr, receiver: Sequence, name: str, args: list[Value]) -> None:
    """`receiver.append(...)` and the like. What is there already counts once."""
    given = args[-1]
    if name == "extend" and isinstance(given, Parameters):
        parameters.exhaust(m, node, given)
        given = given.kept
    more = given if name == "extend" and isinstance(given, Sequence) else Sequence((given,))
    new = more.part(place for place, value in enumerate(more.items) if value not in receiver.items)
    if len(receiver.items) >= _MOST:
        return
    place = args[0].value if name == "insert" and isinstance(args[0], Constant) else None
    if isinstance(place, int) and 0 <= place < len(receiver.items) and not any(map(receiver.is_loose, range(place))):
        before, after = receiver.part(range(place)), receiver.part(range(place, len(receiver.items)))
        _bind(m, node, before.plus(new).plus(after))
    else:
        _bind(m, node, receiver.plus(new))


def changed(m: Machine, node: ast.expr, receiver: Sequence, name: str, args: list[Value]) -> Value:
    """`receiver.pop()` and the like: what it returns."""
    if name == "clear":
        _bind(m, node, Sequence(()))
    elif name == "reverse":
        _bind(m, node, receiver.turned())
    elif name == "pop":
        taken = args[0] if args else Constant(-1)
        _without(m, node, receiver, _places(receiver, taken))
        return access.item(m, receiver, taken)
    elif name == "remove" and args:
        _without(m, node, receiver, [place for place, value in enumerate(receiver.items) if value == args[0]])
    else:
        _bind(m, node, Many(access.item_of(receiver)))
    return Constant(None)


def deleted(m: Machine, target: ast.Subscript, holder: Sequence, index: Value) -> None:
    """`del holder[index]`."""
    kept = _left(m, holder, _places(holder, index))
    assignment.bind(m, target.value, kept)


def sliced(m: Machine, node: ast.Slice, holder: Sequence) -> Value:
    """`holder[lower:upper:step]`; a collection of whatever is in it where that cannot be told."""
    bounds: list[int | None] = []
    for part in (node.lower, node.upper, node.step):
        value = _number(part)
        if part is not None and value is None:
            return Many(access.item_of(holder))
        bounds.append(value)
    lower, upper, step = bounds
    if step == 0 or (holder.loose and (lower is not None or upper is not None or step not in (None, 1, -1))):
        return Many(access.item_of(holder))
    return holder.part(range(len(holder.items))[slice(lower, upper, step)])


def _number(node: ast.expr | None) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and (value := _number(node.operand)) is not None:
        return -value
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else None


def _places(holder: Sequence, index: Value) -> list[int]:
    return holder.places(index.value) if isinstance(index, Constant) and isinstance(index.value, int) else []


def _without(m: Machine, node: ast.expr, receiver: Sequence, places: list[int]) -> None:
    _bind(m, node, _left(m, receiver, places))


def _left(m: Machine, holder: Sequence, places: list[int]) -> Value:
    """What is left when the member at the only one of `places` is gone."""
    if len(places) != 1 or holder.is_loose(places[0]) or m.turns:
        return Many(access.item_of(holder))
    return holder.part(place for place in range(len(holder.items)) if place != places[0])


def _bind(m: Machine, node: ast.expr, value: Value) -> None:
    target = node.func.value if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
    if isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)):
        assignment.bind(m, target, value)
