"""TRN7: learning rate schedules."""

from ..rule import Rule

RULES: tuple[Rule, ...] = ()
