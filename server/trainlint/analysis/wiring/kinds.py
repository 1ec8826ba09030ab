"""What an object is where no class says so: by what is done to it, and by its name."""

from __future__ import annotations

from ...program.naming import DESCRIBING, MODEL, SCHEDULER, names_optimizer, suggests
from ...program.things import Role, Thing
from ...program.vocabulary import MODULE_USES

_NOT_OPTIMIZERS = frozenset({"env", "envs", "profiler", "prof", "simulator", "sim", "world", "game", "pbar", "timer"})


# The call, and what engines do for their models.
_MODEL_USES = MODULE_USES | {"()", "zero_grad", "step"}


def is_model(thing: Thing) -> bool:
    """By its class, by what is done to it, or by its name: not a batch, nor a tensor that a call returned."""
    if thing.role in (Role.MODULE, Role.INSTANCE, Role.LEAF):
        return True
    last = thing.name.rpartition(".")[2]
    named = suggests(last, MODEL) and not suggests(last, DESCRIBING)
    return not thing.uses.isdisjoint(_MODEL_USES) or (not thing.carries and named)


def is_optimizer(thing: Thing) -> bool:
    """Known by its class, by what is done to it, or, where only `step` is, by its name."""
    if thing.role is not None:
        return thing.role in (Role.OPTIMIZER, Role.ENGINE)
    if thing.data or thing.cls is not None:
        return False
    uses = thing.uses
    if "step" in uses and "backward(loss)" in uses:
        return True
    if "step" in uses and "zero_grad" in uses and "()" not in uses and "parameters" not in uses:
        return True
    if "step" in uses and thing.parameters is not None:
        return True
    return bool(uses & {"step", "zero_grad", "param_groups"}) and names_optimizer(thing.name) and "()" not in uses


def is_engine(thing: Thing) -> bool:
    """An object that differentiates and steps, and clears by itself, as DeepSpeed's engine does."""
    return thing.role is Role.ENGINE or (
        thing.role is None and {"step", "backward(loss)"} <= thing.uses and "zero_grad" not in thing.uses
    )


def may_be_optimizer(thing: Thing) -> bool:
    return (
        thing.role is None
        and not thing.in_sight
        and not suggests(thing.name.rpartition(".")[2], SCHEDULER)
        and not suggests(thing.name.rpartition(".")[2], _NOT_OPTIMIZERS)
    )
