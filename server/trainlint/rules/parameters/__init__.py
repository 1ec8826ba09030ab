"""TRN3: which parameters train."""

from ..rule import Rule

RULES: tuple[Rule, ...] = ()
