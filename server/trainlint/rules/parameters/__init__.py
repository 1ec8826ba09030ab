"""TRN3: which parameters train."""

from ..rule import Rule
from . import parameter_lost_to_operation, unregistered_layers

RULES: tuple[Rule, ...] = (unregistered_layers.RULE, parameter_lost_to_operation.RULE)
