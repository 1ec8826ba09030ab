"""TRN6: training and evaluation mode."""

from ..rule import Rule
from . import dropout_always_on, eval_mode_while_training

RULES: tuple[Rule, ...] = (eval_mode_while_training.RULE, dropout_always_on.RULE)
