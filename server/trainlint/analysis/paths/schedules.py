"""Learning rate schedules: which optimizer they belong to, when they are stepped, and with what."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from ...program import effects as fx
from ...program.frameworks.table import steps_every_batch
from ...program.program import Program
from ...program.things import Constant, Counter, Operation, Partial, Role, Thing, Value
from ...program.values import options
from ...source.nodes import walk
from ...source.parse import Site
from ..flow.ancestry import computed_by
from ..wiring.kinship import related, related_by_holding
from .order import Order, Orders

_PLATEAU = "ReduceLROnPlateau"
# Between a comparison and a rate of right answers, or between a loss and its mean.
_AVERAGING = frozenset(
    {"add", "div", "mul", "floordiv", "sum", "mean", "item", "float", "int", "to", "cpu", "numpy", "double", "long", "detach",
     "data", "round", "type", "squeeze", "view", "tolist", "getitem"}
)  # fmt: skip


class Metric(Enum):
    """What a schedule that waits for a metric to stop improving is given in place of one."""

    NOTHING = "nothing"
    COUNTER = "a counter"
    ACCURACY = "a rate of right answers that it takes for a loss"


@dataclass(frozen=True, slots=True)
class EarlySchedule:
    """`schedule` runs before the first `step` of its optimizer; `after` is the statement beside it that leads to that."""

    schedule: fx.Schedule
    step: fx.Step
    after: Site | None
    certain: bool


@dataclass(frozen=True, slots=True)
class IdleSchedule:
    """Nothing steps the `scheduler` that `built` makes, while `step` trains with its optimizer.

    A step of it belongs behind the statement at `after`.
    """

    built: fx.Create
    scheduler: Thing
    step: fx.Step
    after: Site | None


@dataclass(frozen=True, slots=True)
class StraySchedule:
    """`schedule` sets the rate of `optimizer`, which nothing steps: `step` trains with `other`, over the same parameters.

    `renewed`: the other took the name of the first.
    """

    schedule: fx.Schedule
    built: fx.Create
    optimizer: Thing
    step: fx.Step
    other: Thing
    rebuilt: fx.Create
    renewed: bool

    @property
    def argument(self) -> ast.AST | None:
        """Where the optimizer is handed to the scheduler."""
        call = self.built.site.node
        if not isinstance(call, ast.Call):
            return None
        return call.args[0] if call.args else next((one.value for one in call.keywords if one.arg == "optimizer"), None)


@dataclass(frozen=True, slots=True)
class WrongMetric:
    """`schedule`, of the scheduler that `built` makes, is given `metric`."""

    schedule: fx.Schedule
    built: fx.Create
    metric: Metric

    @property
    def mode(self) -> ast.AST | None:
        """Where the mode of the scheduler is written."""
        call = self.built.site.node
        if not isinstance(call, ast.Call):
            return None
        return call.args[1] if len(call.args) > 1 else next((one.value for one in call.keywords if one.arg == "mode"), None)

    @property
    def last_argument(self) -> ast.AST | None:
        """The last argument of the call that builds the scheduler."""
        call = self.built.site.node
        if not isinstance(call, ast.Call):
            return None
        return call.keywords[-1].value if call.keywords else call.args[-1] if call.args else None


class Schedules:
    def __init__(self, program: Program, orders: Orders) -> None:
        self._program = program
        self._orders = orders

    @cached_property
    def _built(self) -> dict[Thing, tuple[Order, fx.Create]]:
        """The schedulers of libraries that are built in sight."""
        return {
            effect.thing: (order, effect)
            for order, effect in self._orders.effects(fx.Create)
            if effect.thing.role is Role.SCHEDULER and effect.thing.created_by is not None
        }

    @cached_property
    def _usable(self) -> bool:
        return bool(self._built) and self._program.complete and not self._program.index.look_alikes

    def early(self) -> Iterator[EarlySchedule]:
        for order, schedule in self._orders.effects(fx.Schedule) if self._usable else ():
            scheduler = schedule.schedulers[0]
            optimizer = optimizer_of(scheduler)
            alone = len(schedule.schedulers) == 1 and scheduler in self._built and not _waits(scheduler)
            if not alone or optimizer is None or schedule.argument is not None:
                continue
            found = self._first_step(order, schedule, optimizer)
            certain = self._begins(order, schedule, scheduler, optimizer)
            if found is not None and certain is not None:
                yield EarlySchedule(schedule, found, _statement(schedule.site.function, order, found), certain)

    def _first_step(self, order: Order, schedule: fx.Schedule, optimizer: Thing) -> fx.Step | None:
        """The first step behind `schedule` in the innermost loop around it that has one, where none stands in front of it."""
        loops = [loop for loop in order.loops_around(schedule) if loop.repeats]
        steps = [step for step in order.all(fx.Step) if _steps(step, optimizer)]
        for loop in reversed(loops):
            inside = [step for step in steps if order.inside(step, loop)]
            if inside:
                first = order.always_inside(schedule, loop) and all(order.before(schedule, step) for step in inside)
                return inside[0] if first and inside[0].optimizers == (optimizer,) else None
        return None

    def _begins(self, order: Order, schedule: fx.Schedule, scheduler: Thing, optimizer: Thing) -> bool | None:
        """Whether the optimizer cannot have stepped before, None where it may have."""
        built = next((effect for effect in order.all(fx.Create) if effect.thing is optimizer), None)
        if built is None:
            made_apart = any(other.first and effect.thing is optimizer for other, effect in self._orders.effects(fx.Create))
            elsewhere = any(other is not order and _steps(step, optimizer) for other, step in self._orders.effects(fx.Step))
            if not made_apart or elsewhere or order.first:
                return None
            before: Iterable[fx.Effect] = order.until(schedule)
        elif order.before(built, schedule):
            before = order.between(built, schedule)
        else:
            return None
        for effect in before:
            if isinstance(effect, fx.Step) and _steps(effect, optimizer):
                return None
            if isinstance(effect, fx.Unseen) and _touches(effect, optimizer, scheduler):
                return None
            if isinstance(effect, fx.SetRate) and scheduler in effect.optimizers:
                return None
        return built is not None

    def idle(self) -> Iterator[IdleSchedule]:
        if not self._usable:
            return
        stepped = {
            thing.node
            for _, schedule in self._orders.effects(fx.Schedule)
            for scheduler in schedule.schedulers
            for thing in (scheduler, *scheduler.holds)
        }
        named = {effect.thing for _, effect in self._orders.effects(fx.Uncalled)}
        for scheduler, (order, built) in self._built.items():
            optimizer = optimizer_of(scheduler)
            if scheduler.node in stepped or scheduler in named or optimizer is None or not self._kept(scheduler):
                continue
            step = self._training_step(order, built, optimizer)
            if step is not None and self._all_steps_seen:
                yield IdleSchedule(built, scheduler, step, self._place(order, built, step, scheduler))

    def _training_step(self, order: Order, built: fx.Create, optimizer: Thing) -> fx.Step | None:
        """A step in a loop behind the construction of the scheduler."""
        for step in order.all(fx.Step):
            if step.optimizers == (optimizer,) and order.before(built, step):
                around = [loop for loop in order.loops_around(step) if loop.repeats]
                if any(loop not in order.loops_around(built) for loop in around):
                    return step
        return None

    def _place(self, order: Order, built: fx.Create, step: fx.Step, scheduler: Thing) -> Site | None:
        """The statement behind which one turn of an epoch, or for some of a batch, is done."""
        loops = [loop for loop in order.loops_around(step) if loop.repeats and loop not in order.loops_around(built)]
        short = (scheduler.created_by or "").rpartition(".")[2]
        if short == _PLATEAU:
            return None
        counted = isinstance(loops[0].over, Partial)
        if steps_every_batch(scheduler.created_by or "") or (len(loops) == 1 and counted):
            return step.site
        outer, function = loops[0].node, built.site.function
        if len(loops) != 2 or not counted or not isinstance(outer, ast.stmt) or outer not in set(walk(function)):
            return None
        return _statement(function, order, step, within=outer)

    def stray(self) -> Iterator[StraySchedule]:
        if not self._usable:
            return
        for order, schedule in self._orders.effects(fx.Schedule):
            scheduler = schedule.schedulers[0]
            optimizer = optimizer_of(scheduler)
            if len(schedule.schedulers) != 1 or scheduler not in self._built or optimizer is None or not optimizer.in_sight:
                continue
            if any(_steps(step, optimizer) for _, step in self._orders.effects(fx.Step)) or not self._kept(optimizer, scheduler):
                continue
            loops = {loop for loop in order.loops_around(schedule) if loop.repeats}
            for step in order.all(fx.Step):
                other = step.optimizers[0] if len(step.optimizers) == 1 else None
                rebuilt = next((effect for effect in order.all(fx.Create) if effect.thing is other), None)
                if other is None or rebuilt is None or loops.isdisjoint(order.loops_around(step)) or not _alike(optimizer, other):
                    continue
                if self._all_steps_seen:
                    renewed = other.name == optimizer.name
                    yield StraySchedule(schedule, self._built[scheduler][1], optimizer, step, other, rebuilt, renewed)
                break

    def metrics(self) -> Iterator[WrongMetric]:
        told: set[ast.AST] = set()
        for _, schedule in self._orders.effects(fx.Schedule) if self._usable else ():
            scheduler = schedule.schedulers[0]
            if len(schedule.schedulers) != 1 or scheduler not in self._built or not _waits(scheduler):
                continue
            metric = _metric(schedule.argument, scheduler)
            if metric is not None and schedule.site.node not in told:
                told.add(schedule.site.node)
                yield WrongMetric(schedule, self._built[scheduler][1], metric)

    def _kept(self, thing: Thing, *but: Thing) -> bool:
        """Nobody out of sight, and no object but those of `but`, can act on it."""
        if thing.escaped or "passed" in thing.uses or not all(map(_in_hand, thing.owners)):
            return False
        if any(thing in other.holds and other not in but and not _in_hand(other) for other in self._program.things):
            return False
        touched = (one for _, effect in self._orders.effects(fx.Unseen) for one in effect.touches if one not in but)
        return not any(related(one, thing) for one in touched)

    @cached_property
    def _all_steps_seen(self) -> bool:
        """Every call of a method `step` in the file does something in the program."""
        moments = [moment for order in self._orders.all for moment in order.moments]
        acting = {id(moment.effect.site.node) for moment in moments}
        acting |= {id(region.node) for moment in moments for region, _ in moment.arms if isinstance(region, fx.Call)}
        return all(
            id(node) in acting
            for tree in (self._program.tree, *(parsed.tree for parsed in self._program.files))
            for node in walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "step"
        )


def optimizer_of(scheduler: Thing) -> Thing | None:
    """The one optimizer whose rate a scheduler sets."""
    given = (scheduler.arguments.get("optimizer"), *scheduler.positional[:2])
    return next((one for one in given if isinstance(one, Thing) and one.role is Role.OPTIMIZER), None)


def _in_hand(owner: Thing) -> bool:
    """An object of a class that is in sight as a whole, which nobody else gets hold of."""
    known = owner.in_sight and not owner.escaped and owner.cls is not None and not owner.cls.outside
    return known and all(map(_in_hand, owner.owners - {owner}))


def _waits(scheduler: Thing) -> bool:
    """It is given a metric, and waits for it to stop improving."""
    return (scheduler.created_by or "").endswith(_PLATEAU)


def _steps(step: fx.Step, optimizer: Thing) -> bool:
    """The step may be one of this optimizer."""
    return any(thing is optimizer or thing.role is None or related_by_holding(thing, optimizer) for thing in step.optimizers)


def _touches(effect: fx.Unseen, *things: Thing) -> bool:
    return any(related(touched, thing) for touched in effect.touches for thing in things)


def _alike(one: Thing, other: Thing) -> bool:
    """Two optimizers over the same parameters."""
    mine, theirs = one.parameters, other.parameters
    return one is not other and mine is not None and theirs is not None and bool(mine.owners) and mine.owners == theirs.owners


def _metric(argument: Value | None, scheduler: Thing) -> Metric | None:
    """What is wrong with what a schedule is given."""
    if argument is None:
        return Metric.NOTHING
    if isinstance(argument, Counter):
        return Metric.COUNTER
    mode = scheduler.arguments.get("mode", scheduler.positional[1] if len(scheduler.positional) > 1 else Constant("min"))
    if mode == Constant("min") and "**" not in scheduler.arguments and all(_is_accuracy(option) for option in options(argument)):
        return Metric.ACCURACY
    return None


def _is_accuracy(value: Value) -> bool:
    """Computed by nothing but counting where predictions are right."""
    reached = computed_by(value, through=_AVERAGING)
    ends = [operation for operation in reached if operation.name not in _AVERAGING]
    return any(map(_compares, ends)) and all(_compares(one) or one.name in ("size", "len", "shape", "numel") for one in ends)


def _compares(operation: Operation) -> bool:
    node = operation.site.node
    return operation.name == "eq" or (
        operation.name == "compare" and isinstance(node, ast.Compare) and all(isinstance(kind, ast.Eq) for kind in node.ops)
    )


def _statement(function: ast.AST, order: Order, effect: fx.Effect, within: ast.stmt | None = None) -> Site | None:
    """The statement of `function` that leads to `effect`: a whole one directly below `within` where that is given."""
    owned = set(map(id, walk(function)))
    leading = [*order.calls_around(effect), effect.site.node]
    node = next((node for node in leading if id(node) in owned), None)
    statements = (one for one in walk(within or function) if isinstance(one, ast.stmt) and one is not (within or function))
    around = [one for one in statements if node is not None and any(inner is node for inner in walk(one))]
    if not around:
        return None
    found = around[0] if within is not None else around[-1]
    return Site(found, found, function)
