"""TRN9: distributed training and trainers."""

from ..rule import Rule
from . import (
    configure_optimizers_returns_nothing,
    distributed_wrapper_bypassed,
    manual_calls_under_automatic_optimization,
    optimizer_state_reset_every_step,
    plain_backward_under_accelerator,
    prepared_separately,
    scheduler_length_under_accelerator,
    trainer_loss_detached,
    training_step_returns_no_loss,
)

RULES: tuple[Rule, ...] = (
    distributed_wrapper_bypassed.RULE,
    prepared_separately.RULE,
    plain_backward_under_accelerator.RULE,
    scheduler_length_under_accelerator.RULE,
    manual_calls_under_automatic_optimization.RULE,
    training_step_returns_no_loss.RULE,
    configure_optimizers_returns_nothing.RULE,
    trainer_loss_detached.RULE,
    optimizer_state_reset_every_step.RULE,
)
