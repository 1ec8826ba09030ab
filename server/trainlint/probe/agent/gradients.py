"""What backward passes, scalers and clipping do to gradients before a step applies them."""

from __future__ import annotations

import weakref
from typing import Any

import torch

from ..observation import BackwardSeen, ClipSeen
from .copies import parameters_of
from .ledger import Ledger
from .places import here
from .signs import judged_by
from .steps import OptimizerRecord
from .tensors import fingerprint, scalar

_KEPT = 256
"""Backward passes that are told of one by one."""

_CLIPS = 32


class Gradients:
    """Follows the gradient of every known parameter from one backward pass to the next."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._scaled_losses: list[Any] = []
        self._scaled_now = False
        self._running: BackwardSeen | None = None
        self.backwards: list[BackwardSeen] = []
        self.clips: list[ClipSeen] = []

    def before_backward(
        self,
        losses: list[Any],
        leaves: list[Any] | None,
        accumulates: bool,
        open_steps: list[OptimizerRecord],
    ) -> None:
        """Remember what each gradient is now: the pass will add to it."""
        self._running = None
        if accumulates and len(self.backwards) < _KEPT:
            reached = None
            if leaves is not None:
                reached = sum(1 for leaf in leaves if id(leaf) in self._ledger.subjects)
            value = scalar(losses[0]) if losses else None
            is_leaf = bool(losses) and all(loss.is_leaf for loss in losses)
            self._running = BackwardSeen(here(), value, reached, is_leaf)
            node = losses[0].grad_fn if losses else None
            self._running.made_by = node.name().partition("Backward")[0] if node is not None else ""
            if len(losses) == 1:
                self._running.function, self._running.turned = judged_by(losses[0])
            self.backwards.append(self._running)
        repeated = [each.open for each in open_steps if each.open is not None and each.open.closure_calls > 1]
        for subject, tensor in self._ledger.live():
            gradient = tensor.grad
            present = fingerprint(gradient) if gradient is not None else None
            if present is None:
                subject.fresh |= accumulates
                subject.stale = subject.filled = False
            else:
                for step in repeated:
                    step.seen.uncleared_closure |= id(tensor) in step.before
            subject.before_backward = present
        self._scaled_now = any(reference() is loss for reference in self._scaled_losses for loss in losses)

    def after_backward(self, asked: dict[int, Any]) -> list[tuple[Any, Any]]:
        """Note which gradients the pass changed. `asked` holds what `autograd.grad` returned instead, by
        identity of the tensor. Returns every tensor that has a gradient, with it."""
        found = []
        if self._running is not None:
            self._running.finished = True
        for subject, tensor in self._ledger.live():
            gradient = asked.get(id(tensor), tensor.grad)
            if gradient is None:
                continue
            found.append((tensor, gradient))
            subject.seen.gradients += 1
            present = fingerprint(gradient)
            if present is None or present == subject.before_backward:
                continue
            subject.seen.received = subject.filled = True
            if not asked:
                subject.wasted += subject.passes > subject.wasted and subject.before_backward is None
                subject.passes += 1
            subject.scaled = self._scaled_now
            if subject.applied is not None and subject.before_backward == subject.applied:
                subject.stale = True
        return found

    def is_alone(self) -> None:
        """What the pass that has begun differentiates was computed from nothing with a graph."""
        if self._running is not None:
            self._running.alone = True

    def scaled(self, loss: Any) -> None:
        """A scaler multiplied a loss."""
        if isinstance(loss, torch.Tensor):
            self._scaled_losses = [*self._scaled_losses[-7:], weakref.ref(loss)]

    def unscaled(self, optimizer: Any) -> None:
        for parameter in parameters_of(optimizer):
            self._ledger.subject(parameter).scaled = False

    def are_scaled(self, optimizer: Any) -> bool:
        return any(self._ledger.subject(parameter).scaled for parameter in parameters_of(optimizer))

    def before_clip(self, parameters: Any) -> list[tuple[Any, float]]:
        """The parameters that a clipping function gets, with the size of their gradients."""
        clipped = [parameters] if isinstance(parameters, torch.Tensor) else parameters
        return [(each, _size(each.grad)) for each in clipped if each.grad is not None]

    def after_clip(self, before: list[tuple[Any, float]], limit: float, total: float | None) -> None:
        scaled, after_step, left = False, bool(before), None
        for parameter, size in before:
            subject = self._ledger.subject(parameter)
            scaled |= subject.scaled
            after_step &= subject.applied is not None and not subject.filled
            if size:
                ratio = _size(parameter.grad) / size
                subject.clip_ratio = ratio * (1.0 if subject.clip_ratio is None else subject.clip_ratio)
                left = ratio if left is None else min(left, ratio)
        if len(self.clips) < _CLIPS:
            self.clips.append(ClipSeen(here(), limit, total, scaled, not before, after_step, left))


def _size(gradient: Any) -> float:
    present = fingerprint(gradient)
    return present[0] if present is not None else 0.0
