"""TRN4: hyper-parameters and accumulation."""

from ..rule import Rule
from . import (
    hyperparameter_out_of_range,
    learning_rate_is_string,
    learning_rate_out_of_range,
    zero_learning_rate,
)

RULES: tuple[Rule, ...] = (
    zero_learning_rate.RULE,
    learning_rate_out_of_range.RULE,
    learning_rate_is_string.RULE,
    hyperparameter_out_of_range.RULE,
)
