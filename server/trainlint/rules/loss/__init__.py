"""TRN5: the loss and what goes into it."""

from ..rule import Rule
from . import (
    softmax_before_cross_entropy,
)

RULES: tuple[Rule, ...] = (softmax_before_cross_entropy.RULE,)
