"""All rules: a folder for each family, a file for each rule."""

from . import (
    data,
    distributed,
    gradient_flow,
    housekeeping,
    hyperparameters,
    loss,
    mode,
    parameters,
    precision,
    schedulers,
    step_protocol,
)
from .rule import Fixability, Observation, Rule

RULES: tuple[Rule, ...] = (
    *housekeeping.RULES,
    *data.RULES,
    *step_protocol.RULES,
    *gradient_flow.RULES,
    *parameters.RULES,
    *hyperparameters.RULES,
    *loss.RULES,
    *mode.RULES,
    *schedulers.RULES,
    *precision.RULES,
    *distributed.RULES,
)

__all__ = ["RULES", "Fixability", "Observation", "Rule"]
