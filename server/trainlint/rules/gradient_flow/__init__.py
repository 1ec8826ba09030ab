"""TRN2: from the loss back to the parameters."""

from ..rule import Rule

RULES: tuple[Rule, ...] = ()
