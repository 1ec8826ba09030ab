"""Optimizers, their steps and what governs them: schedules, scalers, clipping."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Iterator

import torch

from ..observation import StepSeen
from . import attributes, steps
from .copies import parameters_of
from .places import here, place_of, user_frames
from .recording import Recording, guarded
from .schedules import rate_of
from .tensors import scalar

_CLEARS = 8
"""Places that clear one optimizer which are told."""


class Stepping(Recording):
    """Events of optimizers."""

    # Schedules

    def rate_of(self, scheduler: Any) -> float | None:
        return None if self.over else rate_of(scheduler)

    @guarded
    def schedule_built(self, scheduler: Any) -> None:
        self.schedules.built(scheduler, self._governed(scheduler))

    @guarded
    def schedule_stepped(self, scheduler: Any, before: float | None) -> None:
        self.schedules.stepped(scheduler, before, self._governed(scheduler))

    def _governed(self, scheduler: Any) -> steps.OptimizerRecord | None:
        optimizer = getattr(scheduler, "optimizer", None)
        return self.record_of(optimizer) if isinstance(optimizer, torch.optim.Optimizer) else None

    # Optimizers

    @guarded
    def built(self, optimizer: Any) -> None:
        self.record_of(optimizer)
        self.reach("optimizer", len(self._order))

    def record_of(self, optimizer: Any) -> steps.OptimizerRecord:
        record = self._optimizers.get(id(optimizer))
        if record is None or record.reference() is not optimizer:
            record = steps.OptimizerRecord(optimizer, len(self._order), here())
            self._optimizers[id(optimizer)] = record
            self._order.append(record)
        return record

    @guarded
    def step_begins(
        self, optimizer: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        record = self.record_of(optimizer)
        if record.depth and not _stepping(optimizer):
            record.depth, record.open, self.lineage.paused = 0, None, 0
        record.depth += 1
        self.lineage.paused += 1
        if record.depth > 1 or self._inside_another(record, optimizer):
            return None
        if record.enough and self._waiting():
            return None
        self.ledger.settle(sys._getframe())
        self.ledger.baseline()
        self._name(record, optimizer)
        self._past_its_wrapper(record, optimizer)
        seen = StepSeen(record.index, here(), False, self._backward_count, self._forward_since_backward)
        seen.scaled = self.gradients.are_scaled(optimizer) and getattr(optimizer, "grad_scale", None) is None
        step = steps.OpenStep(record, optimizer, seen, arguments[1:], keywords)
        found_inf = getattr(optimizer, "found_inf", None)
        step.skipped_inside = found_inf is not None and bool(scalar(found_inf))
        self._counterfactual &= steps.begin(step, optimizer, self.ledger)
        record.open = step
        if not step.closure:
            return None
        positional, named = step.watch_closure(self._closure)
        return (arguments[0], *positional), named

    @guarded
    def step_ends(self, optimizer: Any) -> None:
        record = self.record_of(optimizer)
        record.depth = max(0, record.depth - 1)
        self.lineage.paused = max(0, self.lineage.paused - 1)
        if record.depth:
            return
        step, record.open = record.open, None
        if step is None:
            record.seen.completed += 1
            for parameter in parameters_of(optimizer):
                self.ledger.subject(parameter).known = None
            return
        if step.skipped_inside:
            self._skip(record)
            return
        record.seen.completed += 1
        self._record(step, optimizer, complete=True)
        if any(rate is None or rate != 0 for rate in self.rates_of(optimizer)):
            record.counted += 1
            self._since_progress = 0
        self.reach("step", sum(each.seen.completed for each in self._order))
        if not self._waiting() and not self._worth_waiting():
            self.finish("verdict")

    def _record(self, step: steps.OpenStep, optimizer: Any, complete: bool) -> None:
        step.seen.complete = complete
        self._steps.append(step.seen)
        self._counterfactual &= steps.end(step, optimizer, self.ledger, len(self._steps) - 1, complete)

    @contextlib.contextmanager
    def _closure(self, record: steps.OptimizerRecord) -> Iterator[None]:
        """Around each call of a closure: what runs in it is the script's, not the optimizer's."""
        record.seen.closure_calls += 1
        if record.open is not None:
            record.open.closure_calls += 1
        paused, self.lineage.paused = self.lineage.paused, 0
        try:
            yield
            self._closure_ends(record)
        finally:
            self.lineage.paused = paused

    @guarded
    def _closure_ends(self, record: steps.OptimizerRecord) -> None:
        if record.open is not None:
            record.open.read_gradients()
            record.open.seen.backwards = self._backward_count

    def _inside_another(self, record: steps.OptimizerRecord, optimizer: Any) -> bool:
        """Whether a wrapper that holds the same parameters is in the middle of its own step."""
        mine = {id(parameter) for parameter in parameters_of(optimizer)}
        for other in self._order:
            outer = other.reference() if other is not record and other.depth else None
            if outer is not None and mine <= {id(parameter) for parameter in parameters_of(outer)}:
                record.inner = record.seen.inner = True
                return True
        return False

    def _name(self, record: steps.OptimizerRecord, optimizer: Any) -> None:
        record.seen.name = self.ledger.label(optimizer)
        self.ledger.name_held(optimizer, record.seen.name)
        record.seen.rates = [rate for rate in self.rates_of(optimizer) if rate is not None]
        record.seen.options = record.seen.options or attributes.options(optimizer)
        record.seen.strays = attributes.strays(optimizer)
        record.seen.weight_decay = any(group.get("weight_decay") for group in optimizer.param_groups)
        record.seen.maximizes = any(group.get("maximize") for group in optimizer.param_groups)
        record.seen.scheduled = any("initial_lr" in group for group in optimizer.param_groups)

    def _waiting(self) -> bool:
        """Whether an optimizer that still exists has not been seen enough."""
        return any(
            not (record.enough or record.inner or self._stands_for_another(record))
            for record in self._order
            if record.reference() is not None
        )

    def _past_its_wrapper(self, record: steps.OptimizerRecord, optimizer: Any) -> None:
        """Say where the script steps what an object keeps whose own `step` would step it."""
        if "." in record.seen.name:
            frames = list(user_frames(sys._getframe()))
            through = any(
                each.f_code.co_name == "step" and optimizer in attributes.optimizers_of(each.f_locals.get("self"))
                for each in frames
            )
            if not through and frames:
                text = "stepped what is held here, past the `step` of what holds it"
                self.claims.say("TRN111", True, text, place_of(frames[0]))

    def _stands_for_another(self, record: steps.OptimizerRecord) -> bool:
        """Whether a wrapper makes its steps by another name, through an optimizer that holds the same parameters."""
        optimizer = record.reference()
        if record.seen.completed or record.depth or optimizer is None:
            return False
        mine = {id(parameter) for parameter in parameters_of(optimizer)}
        for other in self._order:
            inner = other.reference() if other is not record and other.counted else None
            if inner is not None and mine <= {id(parameter) for parameter in parameters_of(inner)}:
                return True
        return False

    def _worth_waiting(self) -> bool:
        """Whether a parameter has had zero gradients only, so that one more step may tell more."""
        quiet = any(
            subject.seen.steps and all(each.gradient == "zero" for each in subject.seen.steps) for subject in self.ledger.order
        )
        self._patience -= 1
        return quiet and self._patience >= 0

    def rates_of(self, optimizer: Any) -> list[float | None]:
        return [scalar(group.get("lr")) for group in optimizer.param_groups]

    @guarded
    def restored(self, optimizer: Any, before: list[float | None]) -> None:
        """An optimizer has loaded a state; `before` are the rates that it had."""
        now, text = self.rates_of(optimizer), "loaded a state with the rate that was given here"
        if now != before:
            text = f"saw the rate given here, {before[0]:g}, become {now[0]:g} when a state was loaded"
        self.claims.say("TRN409", now != before, text, self.record_of(optimizer).seen.built)

    @guarded
    def cleared(self, optimizer: Any) -> None:
        seen = self.record_of(optimizer).seen
        seen.clears += 1
        place = here()
        if place is not None and place not in seen.cleared_at and len(seen.cleared_at) < _CLEARS:
            seen.cleared_at.append(place)

    # Scaling and clipping

    @guarded
    def scaler_built(self, scaler: Any) -> None:
        self.scaling.built(scaler)

    @guarded
    def scaled(self, loss: Any, scaler: Any) -> None:
        self.gradients.scaled(loss)
        self.scaling.scaled(scaler)

    @guarded
    def unscaled(self, optimizer: Any) -> None:
        self.gradients.unscaled(optimizer)

    def scaler_steps(self, optimizer: Any) -> int:
        """The number of steps done or skipped, for `scaler_stepped` to compare with."""
        seen = self.record_of(optimizer).seen
        return seen.completed + seen.skipped

    @guarded
    def scaler_stepped(self, optimizer: Any, before: int, scaler: Any) -> None:
        record = self.record_of(optimizer)
        record.seen.scale = float(scaler.get_scale()) if scaler.is_enabled() else None
        if record.seen.completed + record.seen.skipped == before and not record.inner:
            self.ledger.settle(sys._getframe())
            self._name(record, optimizer)
            self._skip(record)

    def _skip(self, record: steps.OptimizerRecord) -> None:
        record.seen.skipped += 1
        record.seen.skipped_at = here()

    @guarded
    def clip_begins(self, parameters: Any) -> list[tuple[Any, float]]:
        return self.gradients.before_clip(parameters)

    @guarded
    def clip_ended(self, before: list[tuple[Any, float]] | None, limit: float, total: float | None) -> None:
        if before is not None:
            self.gradients.after_clip(before, limit, total)


def _stepping(optimizer: Any) -> bool:
    """Whether an outer `step` of this optimizer is running: one that raised has told nobody of its end."""
    code = getattr(type(optimizer).step, "__code__", None)
    found = 0
    outer: Any = sys._getframe()
    while outer is not None:
        found += outer.f_code is code and outer.f_locals.get("self") is optimizer
        outer = outer.f_back
    return found > 1
