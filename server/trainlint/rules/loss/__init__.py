"""TRN5: the loss and what goes into it."""

from ..rule import Rule
from . import (
    bce_loss_on_logits,
    kl_div_on_probabilities,
    nll_loss_without_log_softmax,
    sigmoid_before_bce_with_logits,
    softmax_before_cross_entropy,
)

RULES: tuple[Rule, ...] = (
    softmax_before_cross_entropy.RULE,
    sigmoid_before_bce_with_logits.RULE,
    nll_loss_without_log_softmax.RULE,
    bce_loss_on_logits.RULE,
    kl_div_on_probabilities.RULE,
)
