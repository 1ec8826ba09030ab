"""Schedules of learning rates: whose they are, when they are stepped, and what a step of theirs does to the rate."""

from __future__ import annotations

import weakref
from typing import Any

from ..observation import SchedulerSeen
from .places import here
from .steps import OptimizerRecord
from .tensors import scalar

_KEPT = 32


class Schedules:
    def __init__(self) -> None:
        self.seen: list[SchedulerSeen] = []
        self._known: dict[int, tuple[Any, SchedulerSeen]] = {}

    def built(self, scheduler: Any, record: OptimizerRecord | None) -> None:
        if self._of(scheduler) is None and len(self.seen) < _KEPT:
            seen = SchedulerSeen(type(scheduler).__name__, record.index if record else None, here())
            self.seen.append(seen)
            self._known[id(scheduler)] = (weakref.ref(scheduler), seen)

    def stepped(self, scheduler: Any, before: float | None, record: OptimizerRecord | None) -> None:
        seen = self._of(scheduler)
        if seen is None:
            return
        seen.steps += 1
        if seen.at is None:
            seen.at = here()
            seen.early = record is not None and not (record.seen.completed or record.seen.skipped or record.depth)
        after = rate_of(scheduler)
        if before is None or after is None:
            return
        if seen.before is None or seen.after is None or _fall(before, after) < _fall(seen.before, seen.after):
            seen.before, seen.after = before, after

    def _of(self, scheduler: Any) -> SchedulerSeen | None:
        known = self._known.get(id(scheduler))
        return known[1] if known is not None and known[0]() is scheduler else None


def rate_of(scheduler: Any) -> float | None:
    """The rate of the first group that a schedule governs."""
    groups = getattr(getattr(scheduler, "optimizer", None), "param_groups", None)
    return scalar(groups[0].get("lr")) if groups else None


def _fall(before: float, after: float) -> float:
    return after / before if before > 0 else 1.0
