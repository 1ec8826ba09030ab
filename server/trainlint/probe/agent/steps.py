"""One optimizer step, seen from just before to just after, and compared with what it would have done
otherwise.
"""

from __future__ import annotations

import weakref
from typing import Any, Callable, ContextManager

import torch

from ..observation import OptimizerSeen, Place, StepOfParameter, StepSeen
from .copies import DECAYS, StepCopy, fits, parameters_of
from .ledger import Ledger, Subject
from .tensors import beside, count, dense, differs, fingerprint, local, measurable, norm, scalar, stash

NEEDED = 2
"""Completed steps of an optimizer before it has been seen enough: a missing clear shows at the second
backward.
"""

PATIENCE = 2
"""Further steps for a parameter whose gradient has been zero so far: behind zero-initialised layers it comes
later.
"""


CLIPPED_AWAY = 1e-3
"""A clipping that leaves less than this share of a gradient's norm explains an update that is not there."""


class OptimizerRecord:
    def __init__(self, optimizer: Any, index: int, built: Place | None) -> None:
        self.reference = weakref.ref(optimizer)
        self.index = index
        self.seen = OptimizerSeen("", type(optimizer).__name__, [], False, False, 0, 0, built=built)
        self.depth = 0
        self.counted = 0
        self.inner = False
        self.open: OpenStep | None = None

    @property
    def enough(self) -> bool:
        return self.counted >= NEEDED


class OpenStep:
    """A step that has begun: the weights, gradients and state it found."""

    def __init__(
        self,
        record: OptimizerRecord,
        optimizer: Any,
        seen: StepSeen,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
    ) -> None:
        self.record = record
        self.seen = seen
        self.arguments = arguments
        self.keywords = keywords
        self.closure_value: Any = None
        self.closure_calls = 0
        self.closure = any(callable(value) for value in (*arguments, *keywords.values()))
        self.before: dict[int, Any] = {}
        self.gradients: dict[int, Any] = {}
        self.copy: StepCopy | None = None
        self.skipped_inside = False

    @property
    def reached(self) -> bool:
        """Whether a step that has not ended has already changed a weight."""
        optimizer = self.record.reference()
        found = {id(p): p for p in parameters_of(optimizer)} if optimizer is not None else {}
        return any(
            bool(count(differs(beside(before, found[key]), local(found[key]))))
            for key, before in self.before.items()
            if key in found
        )

    def read_gradients(self) -> None:
        """Keep the gradients that a closure has just computed: its next call clears them."""
        optimizer = self.record.reference()
        if optimizer is not None:
            self.gradients = {id(p): p.grad.detach().clone() for p in parameters_of(optimizer) if p.grad is not None}

    def watch_closure(self, around: Callable[[OptimizerRecord], ContextManager[None]]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the step, its closure called inside `around`."""

        def wrap(value: Any) -> Any:
            if not callable(value):
                return value

            def closure(*args: Any, **kwargs: Any) -> Any:
                with around(self.record):
                    result = value(*args, **kwargs)
                if self.closure_value is None:
                    self.closure_value = result.detach() if isinstance(result, torch.Tensor) else result
                return result

            return closure

        return tuple(map(wrap, self.arguments)), {key: wrap(value) for key, value in self.keywords.items()}


def begin(step: OpenStep, optimizer: Any, ledger: Ledger) -> bool:
    """Remember weights, gradients and state. False where they cannot be copied, so there is no counterfactual. A fused
    optimizer divides by the factor of its scaler itself.
    """
    for parameter in parameters_of(optimizer):
        subject = ledger.subject(parameter)
        if step.record.index not in subject.seen.optimizers:
            subject.seen.optimizers.append(step.record.index)
        if not measurable(parameter):
            continue
        ledger.compare(subject, parameter)
        step.before[id(parameter)] = stash(parameter)
        if parameter.grad is not None and not step.closure:
            step.gradients[id(parameter)] = parameter.grad.detach()
    if not fits(optimizer):
        return False
    try:
        step.copy = StepCopy(optimizer)
    except Exception:
        return False
    factor = scalar(getattr(optimizer, "grad_scale", None))
    for key, gradient in step.gradients.items():
        step.gradients[key] = gradient / factor if factor else gradient.clone()
    return True


def end(step: OpenStep, optimizer: Any, ledger: Ledger, index: int, complete: bool) -> bool:
    """Record what the step did to every parameter. False where the counterfactual step could not be made."""
    worked = True
    gradients = step.gradients
    otherwise = _repeat(step, _zeros(gradients)) if complete else {}
    worked = bool(otherwise) or not complete
    descent = 0.0
    rows: list[_Row] = []
    for group in optimizer.param_groups:
        rate, decays = scalar(group.get("lr")), any(group.get(name) for name in DECAYS)
        for parameter in group["params"]:
            if id(parameter) not in step.before:
                continue
            subject = ledger.subject(parameter)
            before = beside(step.before[id(parameter)], parameter)
            gradient = gradients.get(id(parameter))
            seen, learned, untraced = _compare(parameter, before, gradient, otherwise.get(id(parameter)))
            seen.step, seen.rate, seen.trainable = index, rate, bool(parameter.requires_grad)
            _remember(subject, seen)
            if gradient is not None and seen.broken == 0:
                descent += float((dense(gradient).conj() * (local(parameter) - before)).sum().real.item())
            if learned is not None:
                mask, learned = subject.learned_mask, learned.cpu()
                subject.learned_mask = learned if mask is None or mask.shape != learned.shape else mask | learned
                subject.seen.learned = count(subject.learned_mask)
            subject.seen.steps.append(seen)
            subject.seen.gradient_norm, subject.seen.update_norm = seen.gradient_norm, seen.update_norm
            subject.known = stash(parameter)
            subject.applied = fingerprint(parameter.grad) if parameter.grad is not None else None
            subject.stale = subject.filled = subject.scaled = subject.fresh = False
            if not step.closure:
                seen.passes, seen.wasted = subject.passes, subject.wasted
            subject.passes = subject.wasted = 0
            subject.clip_ratio = None
            rows.append(_Row(subject, parameter, seen, untraced, step.before[id(parameter)], decays))
    if not step.closure:
        step.seen.descent = descent
    _explain(step, rows, gradients, bool(otherwise))
    return worked


class _Row:
    """What is known of one parameter while its step is explained; `untraced` marks gradients that left no
    trace.
    """

    def __init__(
        self,
        subject: Subject,
        parameter: Any,
        seen: StepOfParameter,
        untraced: Any,
        before: Any,
        decays: bool,
    ) -> None:
        self.subject = subject
        self.parameter = parameter
        self.seen = seen
        self.untraced = untraced
        self.before = before
        self.decays = decays


def _repeat(step: OpenStep, gradients: dict[int, Any], **how: bool) -> dict[int, Any]:
    """The step once more on copies; nothing where that cannot be done."""
    if step.copy is None:
        return {}
    try:
        return step.copy.result(gradients, step.arguments, step.keywords, step.closure_value, **how)
    except Exception:
        return {}


def _zeros(gradients: dict[int, Any]) -> dict[int, Any]:
    return {key: torch.zeros_like(value) for key, value in gradients.items()}


def _compare(parameter: Any, before: Any, gradient: Any, otherwise: Any) -> tuple[StepOfParameter, Any, Any]:
    """The facts of one parameter, the mask of what it learned, and the mask of gradients that
    left no trace.
    """
    after = local(parameter)
    otherwise = local(otherwise) if otherwise is not None else None
    seen = StepOfParameter(step=0, rate=None, gradient="none", trainable=True)
    changed = differs(after, before)
    seen.update_norm, seen.weight_norm = norm(after - before), norm(before)
    seen.broken = count(~torch.isfinite(after)) if after.is_floating_point() else 0
    if gradient is not None:
        full = dense(gradient).to(after.device)
        seen.gradient_norm = norm(full)
        bad = count(~torch.isfinite(full))
        seen.broken = max(seen.broken, bad)
        present = full != 0
        seen.nonzero = count(present)
        seen.gradient = "non-finite" if bad else "finite" if seen.nonzero else "zero"
    if not seen.nonzero:
        seen.moved = count(changed)
        return seen, None, None
    learned = changed & present if otherwise is None else differs(after, otherwise)
    seen.learned = count(learned)
    seen.moved = count(changed & ~learned)
    return seen, learned if seen.learned else None, present & ~learned


def _remember(subject: Subject, seen: StepOfParameter) -> None:
    """What happened to the gradient between the backward pass and this step."""
    empty = not seen.nonzero
    seen.stale = subject.stale and not empty
    seen.fresh = subject.fresh and not empty
    seen.clipped = subject.clip_ratio is not None and subject.clip_ratio < CLIPPED_AWAY
    seen.cleared = empty and subject.filled and not seen.clipped


def _explain(step: OpenStep, rows: list[_Row], gradients: dict[int, Any], repeated: bool) -> None:
    """Tell decay from momentum, and rounding from an optimizer that leaves a gradient unused."""
    undecayed: dict[int, Any] = {}
    if repeated and any(row.seen.moved and row.decays and row.subject.seen.received for row in rows):
        undecayed = _repeat(step, _zeros(gradients), decay=False)
    exact: dict[int, Any] = {}
    if repeated and any(row.untraced is not None and count(row.untraced) > row.seen.learned for row in rows):
        exact = _repeat(step, gradients, double=True)
        exact_zero = _repeat(step, _zeros(gradients), double=True) if exact else {}
    for row in rows:
        key = id(row.parameter)
        if row.seen.moved:
            still = undecayed.get(key)
            momentum = not row.decays or (still is not None and bool(count(differs(local(still), beside(row.before, still)))))
            row.seen.moved_by = "momentum" if momentum else "decay"
        if row.untraced is not None:
            felt = row.untraced
            if exact and exact_zero:
                felt = felt & differs(local(exact[key]), local(exact_zero[key]))
            row.seen.rounded = count(felt)
            row.seen.ignored = count(row.untraced) - row.seen.rounded
