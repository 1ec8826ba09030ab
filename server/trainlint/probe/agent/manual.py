"""Tensors that the script updates by hand, while no optimizer has made a step."""

from __future__ import annotations

from typing import Any

from .ledger import Ledger, Subject
from .tensors import beside, count, dense, differs, local, measurable, norm, stash

ENOUGH = 8
"""Updates by hand after which it is clear that the script does without an optimizer."""


_ALIGNED = 0.5
"""Least cosine between an update and the gradient it is taken to follow."""


class ManualUpdates:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._gradients: dict[int, Any] = {}
        self._last: dict[str, Any] = {}
        self.rounds = 0

    @property
    def enough(self) -> bool:
        return self.rounds >= ENOUGH

    def backward(self, leaves: list[Any]) -> None:
        """Before a backward pass: note the tensors it will reach, and what was changed since the last one."""
        for leaf in leaves:
            self._continue(self._ledger.subject(leaf))
        self._look()

    def received(self, tensor: Any, gradient: Any) -> None:
        """A backward pass gave `tensor` this gradient."""
        if gradient is not None and measurable(tensor):
            self._gradients[id(tensor)] = dense(gradient).clone()
            subject = self._ledger.subject(tensor)
            subject.seen.gradient_norm = norm(gradient)
            self._last[subject.seen.name] = self._gradients[id(tensor)]

    def finish(self) -> None:
        if self._gradients:
            self._look()

    def _look(self) -> None:
        updated = False
        for subject, tensor in self._ledger.live():
            if subject.known is None or not measurable(tensor) or subject.known.shape != local(tensor).shape:
                continue
            before = beside(subject.known, tensor)
            changed = differs(before, local(tensor))
            if not count(changed):
                continue
            subject.seen.update_norm = norm(local(tensor) - before)
            subject.known = stash(tensor)
            gradient = self._gradients.get(id(tensor))
            learned = changed & (gradient != 0) if gradient is not None else None
            if learned is not None and count(learned):
                updated = True
                mask = subject.learned_mask
                subject.learned_mask = learned if mask is None else mask | learned
                subject.seen.learned = count(subject.learned_mask)
            else:
                subject.seen.moved_outside = max(subject.seen.moved_outside, count(changed))
        self._gradients.clear()
        self.rounds += updated

    def _continue(self, subject: Subject) -> None:
        """A new tensor under an old name may be the old one after its update: ``w = (w - lr * g).detach()``."""
        if subject.known is not None or subject.seen.model is not None:
            return
        for earlier in self._ledger.order:
            gradient = self._last.get(earlier.seen.name)
            if earlier is subject or gradient is None or earlier.seen.name != subject.seen.name:
                continue
            if earlier.known is not None and _follows(earlier.known, gradient, subject.tensor):
                self._ledger.merge(earlier, subject)
                self._gradients[id(subject.tensor)] = gradient
                return


def _follows(before: Any, gradient: Any, tensor: Any) -> bool:
    """Whether a tensor differs from an earlier one along the gradient that the earlier one got."""
    if before.shape != tensor.shape or gradient.shape != tensor.shape:
        return False
    update = (local(tensor) - beside(before, tensor)).reshape(-1).double()
    direction = gradient.reshape(-1).double().to(update.device)
    length = float((update.norm() * direction.norm()).item())
    return length > 0 and abs(float((update @ direction).item())) > _ALIGNED * length
