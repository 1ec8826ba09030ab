"""What a class gives to the loop out of sight that trains it: its loss, its optimizers, its schedulers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import zip_longest

from ..source.parse import Site
from .frameworks.vocabulary import HiddenLoop
from .index import FunctionNode
from .things import NONE, UNKNOWN, Choice, Constant, Mapping, Role, Sequence, Tensor, Thing, Value
from .values import join

Alternatives = tuple[Thing, ...]


def loss_of(loop: HiddenLoop, computed: Value) -> Value:
    """The loss in what the heir returns."""
    if isinstance(computed, Choice):
        result: Value = UNKNOWN
        for option in computed.options:
            result = join(result, loss_of(loop, option))
        return result
    if isinstance(computed, Mapping):
        return next((value for key, value in computed.items if key == loop.loss), UNKNOWN)
    if isinstance(computed, Sequence):
        return computed.items[0] if loop.first and computed.items else UNKNOWN
    if isinstance(computed, (Tensor, Thing)):
        return computed
    return UNKNOWN


def where_returned(loop: HiddenLoop, node: FunctionNode) -> Site | None:
    """Where a method of the heir returns its loss: at the last of its returns."""
    found = [one for one in returns_of(node) if one.value is not None and not is_none(one.value)]
    if not found:
        return None
    last = max(found, key=lambda one: one.lineno)
    assert last.value is not None
    return Site(_written(last.value, loop), last, node)


def _written(value: ast.expr, loop: HiddenLoop) -> ast.expr:
    """The loss in an expression that returns it."""
    if isinstance(value, ast.Dict):
        pairs = zip(value.keys, value.values, strict=True)
        return next((one for key, one in pairs if isinstance(key, ast.Constant) and key.value == loop.loss), value)
    if isinstance(value, ast.IfExp):
        return _written(value.orelse, loop)
    if isinstance(value, ast.Tuple) and loop.first and value.elts:
        return value.elts[0]
    return value


def returns_of(function: ast.AST) -> list[ast.Return]:
    """The return statements of a function, without those of functions inside it."""
    found: list[ast.Return] = []
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return):
            found.append(node)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def optimizers_in(built: Value | None) -> list[Alternatives] | None:
    """The optimizers in what a class returns to its loop; None where one is out of sight."""
    if built is None:
        return None
    if built == NONE:
        return []
    if isinstance(built, Thing):
        return [(built,)] if built.role in (Role.OPTIMIZER, None) and not built.data else None
    if isinstance(built, Choice):
        options = [optimizers_in(option) for option in built.options]
        known = [option for option in options if option is not None and len(option) == 1]
        if len(known) < len(options):
            return None
        return [tuple(dict.fromkeys(thing for option in known for thing in option[0]))]
    if isinstance(built, Mapping):
        inner = next((value for key, value in built.items if key == "optimizer"), None)
        return optimizers_in(inner)
    if isinstance(built, Sequence):
        items = built.items
        if _begins_with_optimizers(items):
            items = items[:1]
        parts = [optimizers_in(item) for item in items]
        return [one for part in parts if part is not None for one in part] if None not in parts else None
    return None


def _begins_with_optimizers(items: tuple[Value, ...]) -> bool:
    """Two parts: the optimizers, and schedules of them."""
    if len(items) != 2 or not isinstance(items[0], (Sequence, Thing)):
        return False
    lists = isinstance(items[0], Sequence) and isinstance(items[1], Sequence) and optimizers_in(items[0])
    return bool(lists) or _schedules_only(items[1])


def side_by_side(built: Value | None) -> list[Alternatives] | None:
    """Where there are sometimes more of them than at other times: at each place those that there may be."""
    forms = [optimizers_in(option) for option in built.options] if isinstance(built, Choice) else [None]
    known = [form for form in forms if form is not None]
    if len(known) < len(forms):
        return None
    places = zip_longest(*known, fillvalue=())
    return [tuple(dict.fromkeys(thing for form in place for thing in form)) for place in places]


def _schedules_only(value: Value) -> bool:
    """Nothing but schedulers, perhaps each in a dictionary that says when it is stepped."""
    if isinstance(value, Mapping):
        return any(key in ("scheduler", "lr_scheduler") for key, _ in value.items) and not any(
            key == "optimizer" for key, _ in value.items
        )
    if isinstance(value, (Sequence, Choice)):
        return all(_schedules_only(item) for item in (value.items if isinstance(value, Sequence) else value.options))
    return isinstance(value, Thing) and value.role is Role.SCHEDULER


def schedulers_in(built: Value | None, turnwise: bool = False) -> Iterator[tuple[Thing, bool]]:
    """The schedulers, each with whether it is stepped in every turn rather than after every epoch."""
    if isinstance(built, Thing) and built.role is Role.SCHEDULER:
        yield built, turnwise
    elif isinstance(built, Mapping):
        entries = dict(built.items)
        inner = entries.get("scheduler")
        turnwise = turnwise or entries.get("interval") == Constant("step")
        if inner is not None:
            yield from schedulers_in(inner, turnwise)
        if "lr_scheduler" in entries:
            yield from schedulers_in(entries["lr_scheduler"], turnwise)
    elif isinstance(built, (Sequence, Choice)):
        for item in built.items if isinstance(built, Sequence) else built.options:
            yield from schedulers_in(item, turnwise)
