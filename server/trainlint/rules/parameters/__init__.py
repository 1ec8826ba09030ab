"""TRN3: which parameters train."""

from ..rule import Rule
from . import (
    layer_replaced_after_optimizer,
    model_replaced_after_optimizer,
    parameter_lost_to_operation,
    unregistered_layers,
)

RULES: tuple[Rule, ...] = (
    layer_replaced_after_optimizer.RULE,
    model_replaced_after_optimizer.RULE,
    unregistered_layers.RULE,
    parameter_lost_to_operation.RULE,
)
