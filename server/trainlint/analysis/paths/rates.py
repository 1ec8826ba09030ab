"""Learning rates that are known when an optimizer is built and stay as they are."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ...program import effects as fx
from ...program.frameworks.table import RateRange, rate_range, rate_scaling
from ...program.program import Program
from ...program.things import Constant, Role, Thing, Value
from ...source.parse import Site, Spot


@dataclass(frozen=True, slots=True)
class KnownRate:
    """`value` is the learning rate `optimizer` keeps for its whole life; `usual` is where such optimizers work."""

    optimizer: Thing
    place: Site
    source: Spot | None
    value: float
    usual: RateRange | None
    on_module: bool


def known_rates(program: Program) -> list[KnownRate]:
    """Optimizers whose rate is a number in sight that no group write or call out of sight may change, nor a schedule but
    by making it smaller."""
    built: dict[Thing, fx.Create] = {}
    changed: set[Thing] = set()
    touched: set[Thing] = set()
    schedules, raised = _scaling_schedules(program), set[Thing]()
    for entry in program.entries:
        for effect in entry.effects:
            if isinstance(effect, fx.Create) and effect.thing.role is Role.OPTIMIZER:
                built.setdefault(effect.thing, effect)
            elif isinstance(effect, fx.SetRate):
                lowers = schedules.get(effect.site.node) if effect.factor is None else _is_at_most_one(effect.factor)
                if lowers is None:
                    changed.update(effect.optimizers)
                elif not lowers:
                    raised.update(effect.optimizers)
            elif isinstance(effect, fx.Unseen):
                touched |= effect.touches
    found = []
    for optimizer, create in built.items():
        rate = optimizer.arguments.get("lr")
        if not isinstance(rate, Constant) or not isinstance(rate.value, (int, float)) or isinstance(rate.value, bool):
            continue
        handed_out = any(optimizer.within(thing) or optimizer in thing.holds for thing in touched)
        if optimizer in changed or optimizer.escaped or handed_out or (optimizer in raised and rate.value != 0):
            continue
        assert optimizer.created_by is not None
        owners = optimizer.parameters.owners if optimizer.parameters else frozenset()
        on_module = bool(owners) and all(owner.role in (Role.MODULE, None, Role.INSTANCE) for owner in owners)
        usual = rate_range(optimizer.created_by.rpartition(".")[2])
        place = create.site.part(rate_node(create.site.node))
        found.append(KnownRate(optimizer, place, rate.source, float(rate.value), usual, on_module))
    return found


def _scaling_schedules(program: Program) -> dict[ast.AST, bool]:
    """Where schedules are built that multiply rates, so that 0 stays 0, and whether they are sure to make them no larger."""
    found: dict[ast.AST, bool] = {}
    for effect in (effect for entry in program.entries for effect in entry.effects if isinstance(effect, fx.Create)):
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
    return isinstance(factor, Constant) and isinstance(factor.value, (int, float)) and factor.value <= 1


def _given(made: Thing, argument: tuple[str, int] | None) -> Value | None:
    if argument is None:
        return None
    name, position = argument
    return made.arguments.get(name, made.positional[position] if position < len(made.positional) else None)


def rate_node(call: ast.AST) -> ast.AST:
    """Where the rate is written in the construction: the argument, or the whole call."""
    if isinstance(call, ast.Call):
        for keyword in call.keywords:
            if keyword.arg == "lr":
                return keyword
        if len(call.args) > 1:
            return call.args[1]
    return call
