"""Schedules that an accelerator steps once for each process, and what their length says of that."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.frameworks.table import schedule_length, ticks
from ...program.things import Choice, Constant, Counter, Either, Operation, Origin, Plain, Role, Tensor, Thing, Value
from ...program.values import alternatives
from .order import Orders

# What leaves a number of the same size.
_ROUNDING = frozenset({"int", "float", "ceil", "floor", "round", "item", "trunc"})
_COUNTING = ("world", "process", "processes", "gpu", "gpus", "device", "devices", "node", "nodes", "rank", "ranks")


@dataclass(frozen=True, slots=True)
class ShortSchedule:
    """The scheduler that `built` makes is `prepared`; its `length`, at `written`, is divided by `count` in `division`.

    `certain`: all that the length is made of is in sight.
    """

    built: fx.Create
    prepared: fx.Prepare
    length: str
    written: ast.expr
    count: str
    division: ast.BinOp | None
    certain: bool


def short_schedules(orders: Orders) -> Iterator[ShortSchedule]:
    built = {effect.thing: effect for _, effect in orders.effects(fx.Create) if effect.thing.role is Role.SCHEDULER}
    told: set[fx.Create] = set()
    for _, prepare in orders.effects(fx.Prepare) if built else ():
        count = _count(prepare.accelerator)
        for thing in prepare.things if count is not None else ():
            create = built.get(thing)
            found = _examine(create, prepare, count) if create is not None and count is not None and create not in told else None
            if found is not None:
                told.add(found.built)
                yield found


def _count(accelerator: Thing) -> str | None:
    """The attribute that says how many steps a prepared schedule takes at once; None where it may take one."""
    rule = ticks(accelerator.created_by or "")
    if rule is None or accelerator.optional or accelerator.positional or "**" in accelerator.arguments:
        return None
    given = accelerator.arguments
    usual = all(name not in given or given[name] in [Constant(one) for one in values] for name, values in rule.usual.items())
    return rule.count if usual else None


def _examine(create: fx.Create, prepare: fx.Prepare, count: str) -> ShortSchedule | None:
    known = schedule_length(create.thing.created_by or "")
    call = create.site.node
    if known is None or not isinstance(call, ast.Call) or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    name, place = known
    value = create.thing.arguments.get(name, create.thing.positional[place] if len(create.thing.positional) > place else None)
    written = next((one.value for one in call.keywords if one.arg == name), call.args[place] if len(call.args) > place else None)
    if value is None or written is None:
        return None
    walk = _Walk(prepare.accelerator, count)
    degree = walk.degree(value)
    if degree is None or degree >= 0:
        return None
    division = walk.divisions[0] if len(walk.divisions) == 1 else None
    return ShortSchedule(create, prepare, name, written, walk.written or count, division, walk.certain)


class _Walk:
    """How often a number is multiplied by the number of processes: -1 where it is divided by it once, None: out of sight."""

    def __init__(self, accelerator: Thing, count: str) -> None:
        self._accelerator, self._count = accelerator, count
        self.certain = True
        self.written = ""
        self.divisions: list[ast.BinOp] = []

    def degree(self, value: Value, depth: int = 16) -> int | None:
        if depth == 0:
            return None
        if isinstance(value, Choice):
            return self._same([self.degree(one, depth - 1) for one in value.options])
        if isinstance(value, Tensor) and value.origin is not None:
            return self._same([self._way(way, depth - 1) for way in alternatives(value.origin)])
        if isinstance(value, (Constant, Plain, Counter)):
            return 0
        return self._symbol(value) if isinstance(value, Thing) else None

    def _way(self, way: Origin, depth: int) -> int | None:
        if isinstance(way, Either):
            return None
        return self._of(way, depth) if isinstance(way, Operation) else self.degree(way, depth)

    def _symbol(self, thing: Thing) -> int | None:
        short = thing.name.rpartition(".")[2]
        if short == self._count and thing.parent is self._accelerator:
            self.written = thing.name
            return 1
        if any(word in _COUNTING for word in short.lower().split("_")) or thing.made_by is not None:
            return None
        self.certain = self.certain and thing.default is not None
        return 0

    def _of(self, done: Operation, depth: int) -> int | None:
        name = done.name
        if name in _ROUNDING and done.inputs:
            return self.degree(done.inputs[0], depth)
        if len(done.inputs) != 2 or name not in ("mul", "div", "floordiv", "add", "sub"):
            return None
        left, right = (self.degree(one, depth) for one in done.inputs)
        if left is None or right is None:
            return None
        if name == "mul":
            return left + right
        if name in ("div", "floordiv"):
            if right > 0 and isinstance(done.site.node, ast.BinOp):
                self.divisions.append(done.site.node)
            return left - right
        constant = isinstance(done.inputs[1], Constant)
        return left if left == right or constant else None

    @staticmethod
    def _same(degrees: list[int | None]) -> int | None:
        return degrees[0] if len(set(degrees)) == 1 else None
