"""TRN2: from the loss back to the parameters."""

from ..rule import Rule
from . import (
    backward_on_detached_loss,
    bootstrap_target_with_gradient,
    discarded_detach,
    generator_loss_detached,
    grad_mode_left_off,
    graph_free_loss_seed,
    hidden_state_not_detached,
    inference_tensor_in_training,
    loss_accumulated_with_graph,
    loss_independent_of_model,
    loss_outside_tape,
    loss_rewrapped_as_leaf,
    non_differentiable_loss_term,
    non_scalar_backward,
    reentrant_checkpoint_cuts_gradient,
    retain_graph_in_loop,
    trained_branch_detached,
    training_under_no_grad,
)

RULES: tuple[Rule, ...] = (
    backward_on_detached_loss.RULE,
    loss_rewrapped_as_leaf.RULE,
    graph_free_loss_seed.RULE,
    trained_branch_detached.RULE,
    training_under_no_grad.RULE,
    grad_mode_left_off.RULE,
    inference_tensor_in_training.RULE,
    discarded_detach.RULE,
    non_differentiable_loss_term.RULE,
    loss_accumulated_with_graph.RULE,
    hidden_state_not_detached.RULE,
    retain_graph_in_loop.RULE,
    bootstrap_target_with_gradient.RULE,
    generator_loss_detached.RULE,
    non_scalar_backward.RULE,
    reentrant_checkpoint_cuts_gradient.RULE,
    loss_outside_tape.RULE,
    loss_independent_of_model.RULE,
)
