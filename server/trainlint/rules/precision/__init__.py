"""TRN8: mixed precision and clipping."""

from ..rule import Rule

RULES: tuple[Rule, ...] = ()
