"""TRN3: which parameters train."""

from ..rule import Rule
from . import (
    adapters_added_after_optimizer,
    exhausted_parameter_generator,
    freezing_undone,
    layer_created_in_forward,
    layer_replaced_after_optimizer,
    loss_parameters_not_optimized,
    misspelled_requires_grad,
    model_replaced_after_optimizer,
    module_requires_grad_attribute,
    optimizer_over_frozen_parameters,
    optimizer_over_non_parameters,
    parameter_in_two_optimizers,
    parameter_lost_to_operation,
    parameters_in_no_optimizer,
    trained_copy_discarded,
    unregistered_layers,
    weights_reset_in_loop,
)

RULES: tuple[Rule, ...] = (
    layer_replaced_after_optimizer.RULE,
    model_replaced_after_optimizer.RULE,
    optimizer_over_frozen_parameters.RULE,
    parameters_in_no_optimizer.RULE,
    loss_parameters_not_optimized.RULE,
    module_requires_grad_attribute.RULE,
    misspelled_requires_grad.RULE,
    freezing_undone.RULE,
    optimizer_over_non_parameters.RULE,
    exhausted_parameter_generator.RULE,
    unregistered_layers.RULE,
    parameter_lost_to_operation.RULE,
    layer_created_in_forward.RULE,
    adapters_added_after_optimizer.RULE,
    weights_reset_in_loop.RULE,
    parameter_in_two_optimizers.RULE,
    trained_copy_discarded.RULE,
)
