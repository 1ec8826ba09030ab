"""TRN6: training and evaluation mode."""

from ..rule import Rule
from . import dropout_always_on, eval_mode_while_training, inference_without_eval, training_flag_missing, validation_in_train_mode

RULES: tuple[Rule, ...] = (
    eval_mode_while_training.RULE,
    dropout_always_on.RULE,
    validation_in_train_mode.RULE,
    inference_without_eval.RULE,
    training_flag_missing.RULE,
)
