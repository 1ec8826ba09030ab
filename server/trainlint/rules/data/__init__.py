"""TRN0: data and initialisation."""

from ..rule import Rule
from . import constant_weight_initialisation, training_data_not_shuffled

RULES: tuple[Rule, ...] = (training_data_not_shuffled.RULE, constant_weight_initialisation.RULE)
