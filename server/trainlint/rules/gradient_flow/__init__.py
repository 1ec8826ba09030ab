"""TRN2: from the loss back to the parameters."""

from ..rule import Rule
from . import (
    backward_on_detached_loss,
    grad_mode_left_off,
    graph_free_loss_seed,
    loss_independent_of_model,
    loss_rewrapped_as_leaf,
    training_under_no_grad,
)

RULES: tuple[Rule, ...] = (
    backward_on_detached_loss.RULE,
    loss_rewrapped_as_leaf.RULE,
    graph_free_loss_seed.RULE,
    training_under_no_grad.RULE,
    grad_mode_left_off.RULE,
    loss_independent_of_model.RULE,
)
