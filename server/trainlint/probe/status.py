"""From what the agent saw of a parameter to one word for it, and from those words to the verdict. Pure
functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from .observation import Observation, OptimizerSeen, ParameterSeen, StepOfParameter


class Status(str, Enum):
    """What became of a parameter. LEARNED is the only good news; FROZEN is what its owner asked for."""

    LEARNED = "learned"
    DECAY_ONLY = "decay-only"
    MOMENTUM_ONLY = "momentum-only"
    ROUNDED_AWAY = "rounded-away"
    ZERO_GRADIENT = "zero-gradient"
    NO_GRADIENT = "no-gradient"
    UNUSED = "unused-in-forward"
    IN_NO_OPTIMIZER = "in-no-optimizer"
    RATE_ZERO = "rate-zero"
    NOT_STEPPED = "not-stepped"
    STEP_SKIPPED = "step-skipped"
    CLIPPED_AWAY = "clipped-away"
    NON_FINITE = "non-finite"
    FROZEN = "frozen"
    FROZEN_BUT_CHANGED = "frozen-but-changed"
    MOVED = "moved-by-something-else"


class Verdict(str, Enum):
    LEARNING = "learning"
    PARTLY = "partly"
    NOT_LEARNING = "not-learning"
    UNREACHED = "unreached"
    FAILED = "failed"


@dataclass(frozen=True)
class Judged:
    """A parameter with its status; `fraction` is the share of its elements that the status speaks of."""

    seen: ParameterSeen
    status: Status
    fraction: float


def judge(observation: Observation) -> tuple[Judged, ...]:
    """Every parameter with its status, in the order in which they were seen."""
    return tuple(_judge(parameter, observation) for parameter in observation.parameters)


def holders(parameter: ParameterSeen, observation: Observation) -> list[OptimizerSeen]:
    """The optimizers a parameter was handed to, wrappers counted and what they wrap not."""
    held = [observation.optimizers[index] for index in parameter.optimizers]
    return [optimizer for optimizer in held if not optimizer.inner]


def verdict(observation: Observation, judged: Sequence[Judged]) -> Verdict:
    """What can be said of the whole run. At a limit it speaks only of the optimizers that made a step."""
    if any(optimizer.completed or optimizer.mid_step for optimizer in observation.optimizers):
        return _of_steps(observation, judged)
    if observation.manual_updates:
        reached = [each for each in judged if each.seen.received and each.seen.trainable]
        learned = [each for each in reached if each.status is Status.LEARNED]
        return Verdict.LEARNING if learned and len(learned) == len(reached) else Verdict.PARTLY
    if observation.ended in ("error", "fault") or _left_with_complaint(observation):
        return Verdict.FAILED
    skipped = any(optimizer.skipped for optimizer in observation.optimizers)
    over = observation.ended in ("script", "exit") or observation.limit == "backwards"
    if observation.optimizers and over and (skipped or observation.backward_count):
        return Verdict.NOT_LEARNING
    return Verdict.UNREACHED


def spoken_of(observation: Observation, judged: Sequence[Judged]) -> list[Judged]:
    """The parameters that the verdict speaks of: handed to an optimizer, not frozen, and reached by the run.

    When the run was cut short, what an optimizer holds that made no step yet was not reached, unless so many
    backward passes have given it gradients in vain that this was the reason to stop. A bias that is
    subtracted again, by a normalisation or between two outputs, is left out: nothing can be learned there. So is what has
    just begun to get gradients: how far they grow, the run did not see.
    """
    whole = observation.ended in ("verdict", "script", "exit")
    pool = []
    for each in judged:
        held = holders(each.seen, observation)
        stepped = any(one.completed or one.mid_step or one.skipped for one in held)
        in_vain = observation.limit == "backwards" and each.seen.received
        if held and each.status is not Status.FROZEN and not is_idle(each) and (whole or stepped or in_vain):
            pool.append(each)
    return pool


def is_idle(judged: Judged) -> bool:
    """Whether nothing can be learned there, or not yet, and nothing was."""
    begins = judged.status is Status.ROUNDED_AWAY and begins_at_zero(judged.seen)
    return begins or (judged.seen.cancelled and judged.status is not Status.LEARNED)


def begins_at_zero(parameter: ParameterSeen) -> bool:
    """Whether its gradients were zero before they were not, as behind a layer that is initialised with zeros: they grow with
    that layer.
    """
    return bool(parameter.steps) and parameter.steps[0].gradient == "zero" and bool(parameter.steps[-1].nonzero)


def _of_steps(observation: Observation, judged: Sequence[Judged]) -> Verdict:
    pool = spoken_of(observation, judged)
    learned = [each for each in pool if each.status is Status.LEARNED]
    disturbed = any(each.status is Status.FROZEN_BUT_CHANGED for each in judged)
    if learned and len(learned) == len(pool) and not disturbed:
        return Verdict.LEARNING
    if learned:
        return Verdict.PARTLY
    if pool and all(each.status is Status.RATE_ZERO for each in pool) and warming_up(observation):
        return Verdict.UNREACHED
    return Verdict.NOT_LEARNING


def warming_up(observation: Observation) -> bool:
    """Whether every optimizer that made a step has a schedule, which may raise its rate from zero."""
    stepped = [optimizer for optimizer in observation.optimizers if optimizer.completed]
    return bool(stepped) and all(optimizer.scheduled for optimizer in stepped)


def _left_with_complaint(observation: Observation) -> bool:
    return observation.ended == "exit" and observation.error is not None and bool(observation.error.exit_code)


def _judge(parameter: ParameterSeen, observation: Observation) -> Judged:
    held = holders(parameter, observation)
    if parameter.steps:
        status, count = _stepped(parameter)
    elif held:
        status, count = _held(parameter, held)
    else:
        status, count = _loose(parameter, observation)
    elements = parameter.elements
    fraction = 1.0 if count is None else count / elements if elements else 1.0
    return Judged(parameter, status, fraction)


def _stepped(parameter: ParameterSeen) -> tuple[Status, int | None]:
    """A parameter that was there when an optimizer made a step."""
    steps = parameter.steps
    if not any(step.trainable for step in steps):
        moved = max(step.moved + step.learned for step in steps)
        if moved:
            return Status.FROZEN_BUT_CHANGED, moved
        return _unmoved(parameter, Status.FROZEN)
    broken = max(step.broken for step in steps)
    if broken:
        return Status.NON_FINITE, broken
    effective = [step for step in steps if step.rate != 0]
    if not effective:
        return Status.RATE_ZERO, None
    last = effective[-1]
    if parameter.learned and (parameter.learned >= last.rounded or begins_at_zero(parameter)):
        return Status.LEARNED, parameter.learned
    if last.clipped and last.learned == 0:
        return Status.CLIPPED_AWAY, None
    if last.rounded:
        return Status.ROUNDED_AWAY, last.rounded
    if last.ignored:
        return Status.NOT_STEPPED, last.ignored
    if last.moved and last.moved_by:
        return (Status.DECAY_ONLY if last.moved_by == "decay" else Status.MOMENTUM_ONLY), last.moved
    if parameter.moved_outside:
        return Status.MOVED, parameter.moved_outside
    return _without_effect(parameter, last), None


def _without_effect(parameter: ParameterSeen, last: StepOfParameter) -> Status:
    if last.gradient != "none":
        return Status.ZERO_GRADIENT
    if last.cleared:
        return Status.NOT_STEPPED
    if parameter.used is False and not parameter.gradients:
        return Status.UNUSED
    return Status.NO_GRADIENT


def _held(parameter: ParameterSeen, held: Sequence[OptimizerSeen]) -> tuple[Status, int | None]:
    """A parameter whose optimizers made no step."""
    if parameter.learned:
        return Status.LEARNED, parameter.learned
    if not parameter.trainable:
        return _unmoved(parameter, Status.FROZEN)
    if any(optimizer.skipped for optimizer in held):
        return Status.STEP_SKIPPED, None
    return _unmoved(parameter, Status.NOT_STEPPED)


def _loose(parameter: ParameterSeen, observation: Observation) -> tuple[Status, int | None]:
    """A parameter that no optimizer holds."""
    if parameter.learned:
        return Status.LEARNED, parameter.learned
    if parameter.moved_outside:
        return Status.MOVED, parameter.moved_outside
    if not parameter.trainable:
        return Status.FROZEN, None
    if observation.optimizers:
        return Status.IN_NO_OPTIMIZER, None
    if parameter.gradients:
        return Status.NOT_STEPPED, None
    return (Status.UNUSED if parameter.used is False else Status.NO_GRADIENT), None


def _unmoved(parameter: ParameterSeen, status: Status) -> tuple[Status, int | None]:
    if parameter.moved_outside:
        return Status.MOVED, parameter.moved_outside
    return status, None
