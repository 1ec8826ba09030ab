"""Optimizers that are stepped past the object around them, which would set the learning rate as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.effects import leaves
from ...program.program import Program
from ...program.things import Role, Thing
from .order import Orders


@dataclass(frozen=True, slots=True)
class BypassedStep:
    """`step` goes to what `wrapper` holds; the wrapper's own step, which sets the rate at `rate` too, never runs.

    `instead` is the call that would run it, where one can take the place of the other.
    """

    step: fx.Step
    wrapper: Thing
    rate: fx.SetRate
    instead: str | None


def bypassed_steps(program: Program, orders: Orders) -> Iterator[BypassedStep]:
    for _, step in orders.effects(fx.Step):
        if len(step.optimizers) != 1 or step.optimizers[0].role is not Role.OPTIMIZER:
            continue
        optimizer = step.optimizers[0]
        for wrapper in optimizer.owners:
            own = wrapper.cls.find("step") if wrapper.role is Role.INSTANCE and wrapper.cls is not None else None
            if own is None or wrapper.cls is None or not wrapper.in_sight or _inside(step, wrapper):
                continue
            if _rate_is_set(orders, optimizer) or _runs(orders, own[1]) or _handed_out(orders, wrapper):
                continue
            rate = _sets_rate(program, wrapper)
            if rate is not None:
                call = step.site.node
                plain = isinstance(call, ast.Call) and not call.args and step.through is None
                written = step.text.rpartition(".")[0] if plain else ""
                yield BypassedStep(step, wrapper, rate, f"{written}.step()" if written else None)


def _inside(step: fx.Step, wrapper: Thing) -> bool:
    """A method of the wrapper's own class does it."""
    methods = {method for info in wrapper.cls.lineage() for method in info.methods.values()} if wrapper.cls is not None else set()
    return step.site.function in methods


def _rate_is_set(orders: Orders, optimizer: Thing) -> bool:
    """The program sets the rate in another way, or may."""
    return any(optimizer in rate.optimizers for _, rate in orders.effects(fx.SetRate))


def _runs(orders: Orders, method: ast.AST) -> bool:
    """Something calls the wrapper's step."""
    return any(
        step.site.function is method and any(isinstance(region, fx.Call) and region.node is not method for region in around)
        for order in orders.all
        for step, around in ((step, order.regions_around(step)) for step in order.all(fx.Step))
    )


def _handed_out(orders: Orders, wrapper: Thing) -> bool:
    return wrapper.escaped or any(wrapper in call.touches for _, call in orders.effects(fx.Unseen))


def _sets_rate(program: Program, wrapper: Thing) -> fx.SetRate | None:
    """Where the wrapper's step sets a rate, if it steps what it holds as well."""
    body = program.method(wrapper.cls, "step") if wrapper.cls is not None else None
    effects = leaves(body) if body is not None else []
    if not any(isinstance(effect, fx.Step) for effect in effects):
        return None
    return next((effect for effect in effects if isinstance(effect, fx.SetRate)), None)
