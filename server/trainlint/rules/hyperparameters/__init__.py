"""TRN4: hyper-parameters and accumulation."""

from ..rule import Rule
from . import (
    accumulated_loss_not_scaled,
    hyperparameter_out_of_range,
    last_accumulation_window_dropped,
    learning_rate_is_string,
    learning_rate_out_of_range,
    zero_grad_every_micro_batch,
    zero_learning_rate,
)

RULES: tuple[Rule, ...] = (
    zero_learning_rate.RULE,
    learning_rate_out_of_range.RULE,
    learning_rate_is_string.RULE,
    hyperparameter_out_of_range.RULE,
    accumulated_loss_not_scaled.RULE,
    last_accumulation_window_dropped.RULE,
    zero_grad_every_micro_batch.RULE,
)
