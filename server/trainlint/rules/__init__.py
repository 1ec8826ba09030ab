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

FAMILIES = (
    housekeeping,
    data,
    step_protocol,
    gradient_flow,
    parameters,
    hyperparameters,
    loss,
    mode,
    schedulers,
    precision,
    distributed,
)
"""The families in the order of their codes; the docstring of each says what it is about."""

RULES: tuple[Rule, ...] = tuple(sorted((rule for family in FAMILIES for rule in family.RULES), key=lambda rule: rule.code))

__all__ = ["FAMILIES", "RULES", "Fixability", "Observation", "Rule"]
