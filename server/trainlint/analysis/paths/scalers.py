"""Gradient scalers that scale nothing, and what is computed under autocast around a backward."""

from __future__ import annotations

from collections.abc import Iterable

from ...program import effects as fx
from ...program.program import Program
from ...program.things import Constant, External, Operation, Thing
from .scaling import enabled

_BFLOAT16 = External("torch.bfloat16")


def unused_scalers(program: Program, operations: Iterable[Operation]) -> list[tuple[fx.Step, Thing]]:
    """Steps through a scaler built in sight that multiplies no loss anywhere."""
    used = {operation.arguments.get("scaler") for operation in operations}
    touched: set[Thing] = set()
    steps: dict[fx.Step, Thing] = {}
    for entry in program.entries:
        for unseen in entry.of(fx.Unseen):
            touched |= unseen.touches
        for step in entry.of(fx.Step):
            if step.through is not None:
                steps[step] = step.through
    return [
        (step, scaler)
        for step, scaler in steps.items()
        if enabled(scaler) and scaler not in used and "scale" not in scaler.uses and _stays_in_sight(scaler)
        and not any(scaler.within(thing) or scaler in thing.holds for thing in touched)
    ]  # fmt: skip


def _stays_in_sight(scaler: Thing) -> bool:
    return not scaler.escaped and all(owner.in_sight and not owner.escaped for owner in scaler.owners)


def autocast_around(backward: fx.Backward) -> fx.ContextManager | None:
    """The autocast that a backward runs under."""
    inner = [context for context in backward.contexts if context.name == "autocast"][-1:]
    return inner[0] if inner and Constant(False) not in inner[0].arguments.values() and _switched_on(inner[0]) else None


def _switched_on(context: fx.ContextManager) -> bool:
    return isinstance(context.arguments.get("enabled", Constant(True)), Constant)


def bfloat16_scalers(autocasts: Iterable[Operation], scalings: Iterable[Operation]) -> list[tuple[Thing, Operation]]:
    """Scalers that are switched on where every autocast computes in bfloat16, each with the first of these."""
    autocasts = list(autocasts)
    if not autocasts or not all(_BFLOAT16 in autocast.arguments.values() for autocast in autocasts):
        return []
    scalers = dict.fromkeys(operation.arguments.get("scaler") for operation in scalings)
    return [(scaler, autocasts[0]) for scaler in scalers if isinstance(scaler, Thing) and enabled(scaler)]
