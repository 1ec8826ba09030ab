"""TRN6: training and evaluation mode."""

from ..rule import Rule
from . import eval_mode_while_training

RULES: tuple[Rule, ...] = (eval_mode_while_training.RULE,)
