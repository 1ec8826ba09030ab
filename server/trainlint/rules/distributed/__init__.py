"""TRN9: distributed training and trainers."""

from ..rule import Rule

RULES: tuple[Rule, ...] = ()
