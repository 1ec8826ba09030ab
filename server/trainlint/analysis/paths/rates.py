"""Learning rates that are known when an optimizer is built and stay as they are."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.frameworks.table import (
    RateRange,
    argument_name,
    has_given_rate,
    is_callback_base,
    is_module_base,
    leading_parameters,
    not_for_all,
    rate_range,
    rate_scaling,
    runs_functions,
    schedule_peak,
    sets_rates,
)
from ...program.naming import words
from ...program.program import Program
from ...program.scope import ClassInfo
from ...program.things import (
    NONE,
    UNKNOWN,
    Constant,
    Default,
    Function,
    Operation,
    Parameters,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from ...program.values import things_in
from ...program.vocabulary import ITERATORS, RETURNED
from ...source.parse import Site, Spot
from ..flow.numbers import Number, Origins, number, origins

# At or below it updates vanish in rounding.
TOO_SMALL = 1e-7
# What multiplies an input by weights.
_LAYERS = frozenset({"matmul", "mm", "bmm", "addmm", "linear", "conv1d", "conv2d", "conv3d"})
# What is done with a rate to learn its number: of a schedule, it is called.
_LOOKING = frozenset({"()", "numpy", "item", "value", "read_value"})


@dataclass(frozen=True, slots=True)
class KnownRate:
    """`value` is the learning rate `optimizer` keeps for its whole life; `usual` is where such optimizers work.

    Not `sure`: an object that others may hold keeps the optimizer, and they might change its rate, or a state that is loaded
    on some path brings another. `assumed`: nobody sees what
    it trains, so that is taken to be a model. `default` is where the value is written as one, which callers or the command line
    may replace. `among`: other groups of the optimizer have other rates.
    """

    optimizer: Thing
    place: Site
    source: Spot | None
    value: float
    usual: RateRange | None
    on_module: bool
    sure: bool = True
    assumed: bool = False
    default: Default | None = None
    among: bool = False

    @property
    def name(self) -> str:
        """The optimizer's name, or that of its class."""
        return self.optimizer.name or (self.optimizer.created_by or "").rpartition(".")[2]

    @property
    def option(self) -> bool:
        """The command line may give another."""
        return self.default is not None and self.default.option

    @property
    def tested(self) -> bool:
        """A test builds the optimizer: what a rate that moves nothing does is what it asks."""
        return "test" in words(getattr(self.place.function, "name", ""))

    @property
    def better(self) -> tuple[ast.AST, float] | None:
        """Where this file writes the rate, in the construction or as a default, and the one the optimizer has by itself."""
        if self.usual is None or self.usual.default is None or self.source is not None:
            return None
        return (self.default.place.node if self.default is not None else self.place.node, self.usual.default)

    @property
    def origins(self) -> Origins:
        """Where the value comes from, where that is not the construction itself."""
        return origins(self.source, self.default)


def known_rates(program: Program) -> list[KnownRate]:
    """Optimizers whose rate is a number in sight that no group write or call out of sight may change, nor a schedule but
    by making it smaller."""
    built: dict[Thing, fx.Create] = {}
    changed: set[Thing] = set()
    touched: set[Thing] = set()
    schedules, raised = _scaling_schedules(program), set[Thing]()
    resumed = _restored_at_times(program) if next(program.effects(fx.Overwrite), None) is not None else set()
    restored = set[Thing]()
    scheduled: dict[Thing, _Schedule] = {}
    for create in program.effects(fx.Create):
        if create.thing.role is Role.OPTIMIZER:
            built.setdefault(create.thing, create)
        elif (schedule := _schedule(create)) is not None:
            scheduled[create.thing] = schedule
    for setting in program.effects(fx.SetRate):
        if setting.site.node in resumed:
            restored.update(setting.optimizers)
            continue
        lowers = schedules.get(setting.site.node) if setting.factor is None else _is_at_most_one(setting.factor)
        if lowers is None:
            changed.update(setting.optimizers)
        elif not lowers:
            raised.update(setting.optimizers)
    for unseen in program.effects(fx.Unseen):
        touched |= unseen.touches
    models, others = _trained(program)
    written = _written_rates(program)
    twins: dict[ast.AST | None, list[Thing]] = {}
    for thing in program.things:
        if thing.role is Role.OPTIMIZER and thing.created_by is not None:
            twins.setdefault(thing.node, []).append(thing)
    found = list(_transformation_rates(program))
    for optimizer, create in built.items():
        given = optimizer.arguments.get("lr", UNKNOWN)
        follows = scheduled.get(given) if isinstance(given, Thing) else None
        given = follows.highest if follows is not None else given
        rates = [number(rate) for rate in (given.items if isinstance(given, Sequence) else (given,))]
        if all(rate is None for rate in rates):
            continue
        same = twins.get(optimizer.node, [optimizer])
        if not (written | changed).isdisjoint(same):
            continue
        assert optimizer.created_by is not None
        escaped = any(each.escaped for one in same for each in (one, *one.owners))
        handed_on = any(one.within(thing) or one in thing.holds for one in same for thing in touched)
        handed_on = handed_on or (escaped and not _kept_by_its_class(same, program, changed | raised | touched))
        if handed_on and not (has_given_rate(optimizer.created_by) and _is_odd(rates, optimizer) and not program.sets_rates):
            continue
        on_module = optimizer in models or _on_module(optimizer, program)
        assumed = not on_module and optimizer not in others and leading_parameters(optimizer.created_by)[0] != "params"
        usual = rate_range(optimizer.created_by)
        used = set[str]().union(*(one.uses for one in same))
        only_clears = "zero_grad" in used and "step" not in used and not (escaped or handed_on)
        for rate in dict.fromkeys(rate for rate in rates if rate is not None):
            if rate.value == 0 and only_clears:
                continue
            if not raised.isdisjoint(same) and rate.value != 0:
                continue
            place = create.site.part(_written(create.site.node, optimizer, rates.index(rate)))
            place = follows.place if follows is not None else place
            among = any(other is None or other.value != rate.value for other in rates)
            known = not (escaped or handed_on) and restored.isdisjoint(same) and not assumed and not rate.option
            value = float(rate.value)
            found.append(KnownRate(optimizer, place, rate.source, value, usual, on_module, known, assumed, rate.default, among))
    return found


def _is_odd(rates: list[Number | None], optimizer: Thing) -> bool:
    """No optimizer of its kind works with one of them."""
    usual = rate_range(optimizer.created_by or "")
    return any(rate is not None and not (TOO_SMALL < rate.value <= (usual.upper if usual else math.inf)) for rate in rates)


@dataclass(frozen=True, slots=True)
class _Schedule:
    """A schedule that goes down from its `highest` rate, written at `place`."""

    highest: Value
    place: Site


def _schedule(effect: fx.Create) -> _Schedule | None:
    made = effect.thing
    peak = schedule_peak(made.created_by or "")
    if peak is None or not made.arguments.keys().isdisjoint(("warmup_target", "warmup_steps", "**")):
        return None
    name, position = peak
    highest = _given(made, peak)
    return _Schedule(highest, effect.site.part(rate_node(effect.site.node, position, name))) if highest is not None else None


def _restored_at_times(program: Program) -> set[ast.AST]:
    """Where states are loaded on some paths only: a run that starts from the beginning does not come there."""
    found: set[ast.AST] = set()
    waiting = [(body, False) for body in program.bodies]
    while waiting:
        block, on_some_paths = waiting.pop()
        for item in block.items:
            if isinstance(item, fx.Overwrite) and on_some_paths:
                found.add(item.site.node)
            elif not isinstance(item, fx.Effect):
                inside = on_some_paths or isinstance(item, (fx.Branch, fx.Try))
                waiting += [(inner, inside) for inner in fx.blocks_of(item)]
    return found


def _kept_by_its_class(same: list[Thing], program: Program, changed: set[Thing]) -> bool:
    """They got out of sight only because an object of a class that is known in full keeps them as an attribute, and neither
    another file of the workspace gets at it nor the class itself changes rates of what it is handed. `same` are the optimizers
    of one place."""
    uses = set[str]().union(*(one.uses for one in same))
    owners = {owner for one in same for owner in one.owners}
    if RETURNED in uses or not owners:
        return False
    if not all(owner.in_sight or (owner.cls is not None and _is_known(owner.cls)) for owner in owners):
        return False
    attributes = {one.name.rpartition(".")[2] for one in same if one.name}
    classes = {owner.cls for owner in owners if owner.cls is not None}
    lineage = {info for cls in classes for info in cls.lineage()}
    handed = {owner.cls for thing in changed if not thing.in_sight for owner in thing.owners}
    if not lineage.isdisjoint(handed) or not lineage.issubset(program.classes):
        return False
    return not any(program.reached_elsewhere(info, name) for info in classes for name in attributes)


def _is_known(cls: ClassInfo) -> bool:
    """None of its bases is out of sight, but for those of models, which set no rates."""
    return all(is_module_base(base) or base.startswith(("builtins.", "abc.", "typing.")) for base in cls.outside)


def _written(call: ast.AST, optimizer: Thing, index: int) -> ast.AST:
    """Where the rate of a group is written: in the group itself, or in the construction."""
    base = rate_node(call, leading_parameters(optimizer.created_by or "").index("lr"))
    if not isinstance(optimizer.arguments.get("lr"), Sequence):
        return base
    argument = rate_node(call, 0, "params")
    groups = argument.value if isinstance(argument, ast.keyword) else argument
    group = groups.elts[index] if isinstance(groups, (ast.List, ast.Tuple)) and index < len(groups.elts) else None
    if group is None:
        return groups
    given = zip(group.keys, group.values, strict=True) if isinstance(group, ast.Dict) else ()
    return next((value for key, value in given if isinstance(key, ast.Constant) and key.value == "lr"), base)


def _on_module(optimizer: Thing, program: Program) -> bool:
    """It holds the parameters of modules, or those of layers that are written out by hand."""
    owners = optimizer.parameters.owners if optimizer.parameters else frozenset()
    if not owners:
        given = optimizer.arguments.get("params")
        made = given.generator.node if isinstance(given, Parameters) and given.generator is not None else None
        return isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute) and made.func.attr in ITERATORS
    if all(owner.role in (Role.MODULE, None, Role.INSTANCE) for owner in owners):
        return True
    weights = {value for done in program.operations if done.name in _LAYERS for value in done.inputs if isinstance(value, Thing)}
    return all(owner.role is Role.LEAF for owner in owners) and len(weights & owners) > 1


def _transformation_rates(program: Program) -> Iterator[KnownRate]:
    """Transformations whose rate is a number in sight, or follows a schedule whose highest rate is one."""
    built: dict[Thing, fx.Create] = {}
    for entry in program.entries:
        for effect in entry.of(fx.Create):
            if effect.thing.role is Role.TRANSFORMATION:
                built.setdefault(effect.thing, effect)
    beside = _beside(built)
    for made, create in built.items():
        usual = rate_range(made.created_by or "")
        if usual is None or beside.get(made) == []:
            continue
        rate, node = made.arguments.get("lr"), rate_node(create.site.node, 0, "learning_rate")
        schedule = rate.origin if isinstance(rate, Tensor) else None
        peak = schedule_peak(schedule.name) if isinstance(schedule, Operation) else None
        if isinstance(schedule, Operation) and peak is not None:
            name, position = peak
            rate = schedule.arguments.get(name, schedule.arguments.get(str(position)))
            node = rate_node(schedule.site.node, position, name)
        known = number(rate) if rate is not None else None
        if known is not None:
            place, sure = create.site.part(node), not known.option
            among = any(_rate_of(other) != known.value for other in beside.get(made, ()))
            yield KnownRate(made, place, known.source, float(known.value), usual, True, sure, default=known.default, among=among)


def _beside(built: Iterable[Thing]) -> dict[Thing, list[Thing]]:
    """Transformations that work on some of the parameters, and those with a rate that work on the others; none where these are
    out of sight."""
    found: dict[Thing, list[Thing]] = {}
    for whole in built:
        if not_for_all(whole.created_by or ""):
            parts = [part for part in whole.holds if part.role is Role.TRANSFORMATION]
            rated = [part for part in parts if rate_range(part.created_by or "") is not None]
            found |= dict.fromkeys(parts, rated if len(parts) > 1 else [])
    return found


def _rate_of(made: Thing) -> float | None:
    rate = made.arguments.get("lr")
    known = number(rate) if rate is not None else None
    return float(known.value) if known is not None else None


def _scaling_schedules(program: Program) -> dict[ast.AST, bool]:
    """Where schedules are built that multiply rates, so that 0 stays 0, and whether they are sure to make them no larger."""
    found: dict[ast.AST, bool] = {}
    for effect in (effect for entry in program.entries for effect in entry.of(fx.Create)):
        made = effect.thing
        scaling = rate_scaling(made.created_by or "") if made.role is Role.SCHEDULER else None
        if scaling is None or "**" in made.arguments:
            continue
        floor = _given(made, scaling.floor)
        if floor is not None and not (isinstance(floor, Constant) and floor.value == 0):
            continue
        factor = _given(made, scaling.factor)
        found[effect.site.node] = factor is None or _is_at_most_one(factor)
    return found


def _is_at_most_one(factor: Value) -> bool:
    known = number(factor)
    return known is not None and known.value <= 1


def _given(made: Thing, argument: tuple[str, int] | None) -> Value | None:
    if argument is None:
        return None
    name, position = argument
    return made.arguments.get(name, made.positional[position] if position < len(made.positional) else None)


def rate_node(call: ast.AST, position: int = 1, name: str = "lr") -> ast.AST:
    """Where the rate is written in the construction: the argument, by name or position, or the whole call."""
    if isinstance(call, ast.Call):
        for keyword in call.keywords:
            if keyword.arg is not None and name in (keyword.arg, argument_name(keyword.arg)):
                return keyword
        if len(call.args) > position:
            return call.args[position]
    return call


def _trained(program: Program) -> tuple[set[Thing], set[Thing]]:
    """Optimizers that are given the gradients of models, or that models are compiled with; those that are given others."""
    models: set[Thing] = set()
    others: set[Thing] = set()
    for effect in program.effects(fx.Apply):
        owners = effect.parameters.owners
        by_hand = len(owners) > 1 and all(owner.role is Role.LEAF for owner in owners)
        known = bool(owners) and all(owner.role in (Role.MODULE, None, Role.INSTANCE) for owner in owners)
        (models if known or by_hand else others).update(effect.optimizers)
    for compiled in program.effects(fx.Compile):
        models.update(things_in(compiled.options.get("optimizer", UNKNOWN)))
    return models, others - models


def _written_rates(program: Program) -> set[Thing]:
    """Optimizers whose rate the program gets hold of as an attribute, or hands to what a library runs while it trains."""
    found: set[Thing | None] = set()
    for thing in program.things:
        if _is_rate(thing) and _may_be_written(thing):
            found.add(thing.parent)
        elif thing.parent is not None and _is_rate(thing.parent) and thing.name.rpartition(".")[2] not in _LOOKING:
            found.add(thing.parent.parent)
    scheduled: set[Thing] = set()
    for entry in program.entries:
        found.update(assigned.thing for assigned in entry.of(fx.Assign) if argument_name(assigned.attribute) == "lr")
        for fit in entry.of(fx.Fit):
            if not runs_without_rates(fit.options.get("callbacks", NONE), program):
                scheduled.add(fit.model)
    for effect in (effect for entry in program.entries for effect in entry.of(fx.Compile)):
        if effect.model in scheduled:
            found.update(things_in(effect.options.get("optimizer", UNKNOWN)))
    return {thing for thing in found if thing is not None}


def _is_rate(thing: Thing) -> bool:
    """The attribute of an object that is the learning rate of optimizers."""
    return thing.parent is not None and argument_name(thing.name.rpartition(".")[2]) == "lr"


def _may_be_written(rate: Thing) -> bool:
    """More is done with the rate of an optimizer than to look at its number."""
    return bool(rate.uses - _LOOKING or rate.owners or rate.escaped)


def runs_without_rates(callbacks: Value, program: Program) -> bool:
    """None of these may set a learning rate, but to make it smaller."""
    if callbacks == NONE:
        return True
    items = callbacks.items if isinstance(callbacks, Sequence) else (callbacks,)
    return all(isinstance(item, Thing) and _leaves_rates(item, program) for item in items)


def _leaves_rates(callback: Thing, program: Program) -> bool:
    if callback.cls is None:
        known = callback.role is Role.OTHER and not sets_rates(callback.created_by or "")
        return known or (runs_functions(callback.created_by or "") and _run_without_rates(callback, program))
    lineage = callback.cls.lineage()
    if not callback.cls.outside or not all(map(is_callback_base, callback.cls.outside)):
        return False
    return not any(_speaks_of_rates(method, program) for info in lineage for method in info.methods.values())


def _run_without_rates(callback: Thing, program: Program) -> bool:
    """All the functions that it runs are in sight, and none of them has to do with an optimizer."""
    given = (*callback.positional, *callback.arguments.values())
    known = [one.node for one in given if isinstance(one, Function)]
    return len(known) == len(given) and not any(_speaks_of_rates(function, program) for function in known)


def _speaks_of_rates(function: ast.AST, program: Program) -> bool:
    words = program.index.functions[function].words
    return any(word == "optimizer" or argument_name(word) == "lr" for word in words)
