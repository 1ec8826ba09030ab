"""TRN0: data and initialisation."""

from ..rule import Rule
from . import constant_weight_initialisation

RULES: tuple[Rule, ...] = (constant_weight_initialisation.RULE,)
