"""TRN0: data and initialisation."""

from ..rule import Rule
from . import constant_weight_initialisation, inputs_not_normalized, training_data_not_shuffled

RULES: tuple[Rule, ...] = (training_data_not_shuffled.RULE, inputs_not_normalized.RULE, constant_weight_initialisation.RULE)
