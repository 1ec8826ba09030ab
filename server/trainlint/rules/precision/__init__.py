"""TRN8: clipping and mixed precision."""

from ..rule import Rule
from . import (
    backward_inside_autocast,
    clip_before_unscale,
    clipped_to_nothing,
    clipping_has_no_effect,
    scaled_loss_unscaled_step,
    scaler_protocol,
    scaler_with_bfloat16,
)

RULES: tuple[Rule, ...] = (
    clip_before_unscale.RULE,
    scaled_loss_unscaled_step.RULE,
    scaler_protocol.RULE,
    clipping_has_no_effect.RULE,
    backward_inside_autocast.RULE,
    scaler_with_bfloat16.RULE,
    clipped_to_nothing.RULE,
)
