"""TRN7: learning rate schedules."""

from ..rule import Rule
from . import (
    plateau_scheduler_misuse,
    scheduler_before_optimizer,
    scheduler_never_stepped,
    scheduler_on_another_optimizer,
    scheduler_step_frequency,
)

RULES: tuple[Rule, ...] = (
    scheduler_before_optimizer.RULE,
    scheduler_never_stepped.RULE,
    scheduler_on_another_optimizer.RULE,
    scheduler_step_frequency.RULE,
    plateau_scheduler_misuse.RULE,
)
