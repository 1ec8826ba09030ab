"""TRN3: which parameters train."""

from ..rule import Rule
from . import (
    layer_replaced_after_optimizer,
    misspelled_requires_grad,
    model_replaced_after_optimizer,
    module_requires_grad_attribute,
    parameter_lost_to_operation,
    unregistered_layers,
)

RULES: tuple[Rule, ...] = (
    layer_replaced_after_optimizer.RULE,
    model_replaced_after_optimizer.RULE,
    module_requires_grad_attribute.RULE,
    misspelled_requires_grad.RULE,
    unregistered_layers.RULE,
    parameter_lost_to_operation.RULE,
)
