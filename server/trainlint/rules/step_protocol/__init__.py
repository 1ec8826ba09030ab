"""TRN1: clearing, differentiating and stepping, in their order."""

from ..rule import Rule
from . import (
    broken_step_closure,
    closure_without_zero_grad,
    discarded_update,
    gradients_cleared_before_step,
    learning_rate_attribute_ignored,
    missing_backward,
    missing_step,
    missing_zero_grad,
    optimizer_rebuilt_in_loop,
    step_before_backward,
    step_outside_batch_loop,
    training_method_overwritten,
    uncalled_training_method,
    wrapped_optimizer_bypassed,
    zero_grad_on_wrong_optimizer,
)

RULES: tuple[Rule, ...] = (
    missing_zero_grad.RULE,
    zero_grad_on_wrong_optimizer.RULE,
    gradients_cleared_before_step.RULE,
    missing_step.RULE,
    missing_backward.RULE,
    step_before_backward.RULE,
    step_outside_batch_loop.RULE,
    uncalled_training_method.RULE,
    training_method_overwritten.RULE,
    learning_rate_attribute_ignored.RULE,
    wrapped_optimizer_bypassed.RULE,
    optimizer_rebuilt_in_loop.RULE,
    closure_without_zero_grad.RULE,
    broken_step_closure.RULE,
    discarded_update.RULE,
)
