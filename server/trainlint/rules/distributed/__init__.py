"""TRN9: distributed training and trainers."""

from ..rule import Rule
from . import distributed_wrapper_bypassed

RULES: tuple[Rule, ...] = (distributed_wrapper_bypassed.RULE,)
