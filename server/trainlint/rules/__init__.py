"""All rules, in the order of their codes."""

from . import (
    gradients_cleared_before_step,
    learning_rate_out_of_range,
    missing_backward,
    missing_step,
    missing_zero_grad,
    step_before_backward,
    step_outside_batch_loop,
    uncalled_training_method,
    unreadable_file,
    zero_learning_rate,
)
from .rule import Fixability, Observation, Rule

RULES: tuple[Rule, ...] = (
    unreadable_file.RULE,
    missing_zero_grad.RULE,
    gradients_cleared_before_step.RULE,
    missing_step.RULE,
    missing_backward.RULE,
    step_before_backward.RULE,
    step_outside_batch_loop.RULE,
    uncalled_training_method.RULE,
    zero_learning_rate.RULE,
    learning_rate_out_of_range.RULE,
)

__all__ = ["RULES", "Fixability", "Observation", "Rule"]
