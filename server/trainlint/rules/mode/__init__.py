"""TRN6: training and evaluation mode."""

from ..rule import Rule

RULES: tuple[Rule, ...] = ()
