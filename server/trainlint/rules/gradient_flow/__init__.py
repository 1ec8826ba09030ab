"""TRN2: from the loss back to the parameters."""

from ..rule import Rule
from . import (
    backward_on_detached_loss,
    discarded_detach,
    grad_mode_left_off,
    graph_free_loss_seed,
    loss_independent_of_model,
    loss_rewrapped_as_leaf,
    non_differentiable_loss_term,
    non_scalar_backward,
    training_under_no_grad,
)

RULES: tuple[Rule, ...] = (
    backward_on_detached_loss.RULE,
    loss_rewrapped_as_leaf.RULE,
    graph_free_loss_seed.RULE,
    training_under_no_grad.RULE,
    grad_mode_left_off.RULE,
    discarded_detach.RULE,
    non_differentiable_loss_term.RULE,
    non_scalar_backward.RULE,
    loss_independent_of_model.RULE,
)
