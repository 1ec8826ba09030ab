"""TRN4: hyper-parameters and accumulation."""

from ..rule import Rule
from . import (
    accumulated_loss_not_scaled,
    adam_with_l2_decay,
    hyperparameter_out_of_range,
    last_accumulation_window_dropped,
    learning_rate_is_string,
    learning_rate_out_of_range,
    learning_rate_restored_from_checkpoint,
    zero_grad_every_micro_batch,
    zero_learning_rate,
)

RULES: tuple[Rule, ...] = (
    zero_learning_rate.RULE,
    learning_rate_out_of_range.RULE,
    learning_rate_is_string.RULE,
    hyperparameter_out_of_range.RULE,
    adam_with_l2_decay.RULE,
    accumulated_loss_not_scaled.RULE,
    last_accumulation_window_dropped.RULE,
    zero_grad_every_micro_batch.RULE,
    learning_rate_restored_from_checkpoint.RULE,
)
