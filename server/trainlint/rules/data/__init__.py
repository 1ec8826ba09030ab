"""TRN0: data and initialisation."""

from ..rule import Rule

RULES: tuple[Rule, ...] = ()
