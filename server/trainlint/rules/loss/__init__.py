"""TRN5: the loss and what goes into it."""

from ..rule import Rule
from . import (
    bce_loss_on_logits,
    cross_entropy_on_one_output,
    flatten_mixes_samples,
    from_logits_mismatch,
    infinite_gradient_at_zero,
    kl_div_on_probabilities,
    loss_shapes_broadcast,
    nll_loss_without_log_softmax,
    sigmoid_before_bce_with_logits,
    softmax_before_cross_entropy,
    softmax_over_wrong_dimension,
    wrong_loss_target,
)

RULES: tuple[Rule, ...] = (
    softmax_before_cross_entropy.RULE,
    sigmoid_before_bce_with_logits.RULE,
    nll_loss_without_log_softmax.RULE,
    bce_loss_on_logits.RULE,
    cross_entropy_on_one_output.RULE,
    loss_shapes_broadcast.RULE,
    wrong_loss_target.RULE,
    softmax_over_wrong_dimension.RULE,
    kl_div_on_probabilities.RULE,
    infinite_gradient_at_zero.RULE,
    from_logits_mismatch.RULE,
    flatten_mixes_samples.RULE,
)
