"""Schedules that are made for epochs and stepped with every batch, or the other way round."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.frameworks.table import schedule_length
from ...program.things import Role
from ...source.nodes import walk
from ...source.parse import Site
from .order import Order, Orders
from .schedules import optimizer_of

_COUNTING = frozenset({"range", "trange"})


@dataclass(frozen=True, slots=True)
class WrongCadence:
    """`schedule` runs once in each turn of `inner`, while `size` counts the turns of `outer`; or `rare`ly, the other way round.

    `beside` is the statement behind which it belongs.
    """

    schedule: fx.Schedule
    built: fx.Create
    size: str
    outer: ast.stmt
    inner: ast.stmt
    rare: bool
    beside: Site


def wrong_cadences(orders: Orders) -> Iterator[WrongCadence]:
    told: set[ast.AST] = set()
    built = {effect.thing: effect for _, effect in orders.effects(fx.Create) if effect.thing.role is Role.SCHEDULER}
    for order, schedule in orders.effects(fx.Schedule) if built else ():
        create = built.get(schedule.schedulers[0])
        if create is None or len(schedule.schedulers) != 1 or schedule.argument is not None or schedule.site.node in told:
            continue
        fact = _examine(order, schedule, create)
        if fact is not None:
            told.add(schedule.site.node)
            yield fact


def _examine(order: Order, schedule: fx.Schedule, create: fx.Create) -> WrongCadence | None:
    optimizer = optimizer_of(create.thing)
    loops = [loop for loop in order.loops_around(schedule) if loop.repeats and isinstance(loop.node, ast.stmt)]
    steps = [step for step in order.all(fx.Step) if optimizer is not None and step.optimizers == (optimizer,)]
    size = _size(create)
    if not loops or not steps or size is None or not order.always_inside(schedule, loops[-1]):
        return None
    for step in steps:
        around = [loop for loop in order.loops_around(step) if loop.repeats and isinstance(loop.node, ast.stmt)]
        outer = next((loop for loop in loops if _same(_bound(loop.node), size[-1], create, loop.node)), None)
        if outer is None or outer not in around:
            continue
        batches = [loop for loop in around[around.index(outer) + 1 :] if _is_statement(loop.node)]
        if len(batches) != 1 or not isinstance(outer.node, ast.stmt) or not isinstance(batches[0].node, ast.stmt):
            continue
        inner, text = batches[0].node, ast.unparse(size[0]) if len(size) == 1 else " * ".join(map(ast.unparse, size))
        whole = Site(inner, inner, schedule.site.function)
        if len(size) == 1 and loops[-1] is batches[0] and order.always_inside(step, batches[0]):
            return WrongCadence(schedule, create, text, outer.node, inner, False, whole)
        if len(size) == 2 and loops[-1] is outer and _over(inner, size[0]):
            return WrongCadence(schedule, create, text, outer.node, inner, True, step.site)
    return None


def _size(create: fx.Create) -> tuple[ast.expr, ...] | None:
    """The number of steps as it is written: one factor that names a number, or the length of something and that factor."""
    call, made = create.site.node, create.thing.created_by or ""
    length_of = schedule_length(made)
    if not isinstance(call, ast.Call) or length_of is None:
        return None
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if "steps_per_epoch" in given and "epochs" in given:
        length, epochs = given["steps_per_epoch"], given["epochs"]
        return (length, epochs) if _length(length) is not None else None
    name, place = length_of
    size = given.get(name, call.args[place] if len(call.args) > place else None)
    if isinstance(size, ast.BinOp) and isinstance(size.op, ast.Mult):
        sides = (size.left, size.right) if _length(size.left) is not None else (size.right, size.left)
        return sides if _length(sides[0]) is not None and _names(sides[1]) else None
    return (size,) if size is not None and _names(size) else None


def _names(node: ast.expr) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute))


def _length(node: ast.expr) -> ast.expr | None:
    """What the expression is the length of."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len" and len(node.args) == 1:
        return node.args[0]
    return None


def _bound(loop: ast.AST) -> ast.expr | None:
    """Up to where a loop counts."""
    if not isinstance(loop, (ast.For, ast.AsyncFor)):
        return None
    for node in walk(loop.iter):
        if isinstance(node, ast.Call) and node.args and getattr(node.func, "attr", getattr(node.func, "id", "")) in _COUNTING:
            return node.args[0] if len(node.args) == 1 else node.args[1] if node.args[0].__class__ is ast.Constant else None
    return None


def _same(bound: ast.expr | None, size: ast.expr, create: fx.Create, loop: ast.AST) -> bool:
    """Both are written alike, where the same name stands for the same number."""
    if bound is None or ast.dump(bound) != ast.dump(size):
        return False
    return isinstance(size, ast.Attribute) or any(node is loop for node in walk(create.site.function))


def _over(loop: ast.stmt, length: ast.expr) -> bool:
    """The loop goes over what the length is of."""
    whole = _length(length)
    if whole is None or not isinstance(loop, (ast.For, ast.AsyncFor)):
        return False
    return any(ast.dump(node) == ast.dump(whole) for node in walk(loop.iter) if isinstance(node, ast.expr))


def _is_statement(node: ast.AST) -> bool:
    return isinstance(node, (ast.For, ast.AsyncFor, ast.While))
