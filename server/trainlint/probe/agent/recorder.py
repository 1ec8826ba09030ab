"""What happened so far in a training run, event by event, and whether that is enough for a verdict."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import time
import traceback
import weakref
from typing import Any, Callable, Iterator

import torch

from ..protocol import (
    REACHED,
    ErrorSeen,
    Observation,
    Progress,
    StepSeen,
)
from . import graph, steps
from .batch import ACTIVATIONS, ADDING, NORMALISATIONS, BatchWatch, subtracts_the_mean
from .chain import Chain
from .copies import parameters_of
from .gradients import Gradients
from .ledger import Ledger
from .lineage import Lineage
from .losses import Losses
from .manual import ManualUpdates
from .origins import switches
from .places import here
from .schedules import Schedules, rate_of
from .tensors import scalar, tracing

_CLEARS = 8
"""Places that clear one optimizer which are told."""

_LOOKS = 32
"""How many calls of models are used to find names: later ones bring nothing new."""


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """An event of the run. A defect of the agent ends the watching, never the user's training."""

    @functools.wraps(method)
    def event(self: Recorder, *args: Any, **kwargs: Any) -> Any:
        if self.over or threading.get_ident() == self.busy or tracing():
            return None
        with self.lock:
            self.busy = threading.get_ident()
            try:
                return method(self, *args, **kwargs)
            except Exception:
                self.fault = traceback.format_exc()
                self.busy = None
                self.finish("fault")
                return None
            finally:
                self.busy = None

    return event


class Recorder:
    """Turns events into an `Observation`. `done` is called once with it, `progress` at every new stage."""

    def __init__(
        self,
        backwards: int,
        done: Callable[[Observation, str | None], None],
        progress: Callable[[Progress], None],
        started: float,
    ) -> None:
        self.lock = threading.RLock()
        self.busy: int | None = None
        self.over = False
        self.fault: str | None = None
        self.ledger = Ledger()
        self.lineage = Lineage(self.ledger)
        self.manual = ManualUpdates(self.ledger)
        self.gradients = Gradients(self.ledger)
        self.batch = BatchWatch()
        self.losses = Losses()
        self.schedules = Schedules()
        self.chain = Chain(self.ledger)
        self.losses.place_of = self.chain.place_of
        self.local = threading.local()
        self.lineage.quiet = lambda: self.over or threading.get_ident() == self.busy
        self.lineage.on_loss_function = self._loss_function
        self.lineage.made = self._made
        self._limit = backwards
        self._done = done
        self._progress = progress
        self._started = started
        self._stage = 0
        self._optimizers: dict[int, steps.OptimizerRecord] = {}
        self._order: list[steps.OptimizerRecord] = []
        self._steps: list[StepSeen] = []
        self._backward_count = 0
        self._since_progress = 0
        self._forward_since_backward = False
        self._looks = 0
        self._patience = steps.PATIENCE
        self._counterfactual = True
        self.children = 0
        self._last_output: Any = None
        self.reach("torch")

    def reach(self, stage: str, count: int = 1) -> None:
        number = REACHED.index(stage)
        if number > self._stage or stage in ("backward", "step"):
            self._stage = max(self._stage, number)
            place = here()
            self._progress(Progress(stage, time.monotonic() - self._started, count, place.line if place else None))

    @contextlib.contextmanager
    def outermost(self, what: str) -> Iterator[bool]:
        """Whether a call of this kind is not inside another one of this thread."""
        depth = getattr(self.local, what, 0)
        setattr(self.local, what, depth + 1)
        try:
            yield depth == 0
        finally:
            setattr(self.local, what, depth)

    @guarded
    def made(self, module: Any) -> None:
        self.ledger.origins.built(module)

    @guarded
    def switched(self, module: Any) -> None:
        self.ledger.origins.switched(module)

    def _loss_function(self, name: str, args: Any, kwargs: Any, result: Any) -> None:
        self.batch.loss_function(name, args, kwargs, result)
        if torch.is_grad_enabled():
            self.losses.call(name, args, kwargs)

    def _made(self, name: str, outputs: list[Any]) -> None:
        if not self.chain.enough:
            self.chain.made(name, outputs)

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
        seen = StepSeen(record.index, here(), False, self._backward_count, self._forward_since_backward)
        seen.scaled = self.gradients.are_scaled(optimizer)
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
        rates = [scalar(group.get("lr")) for group in optimizer.param_groups]
        if any(rate is None or rate != 0 for rate in rates):
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
        rates = [scalar(group.get("lr")) for group in optimizer.param_groups]
        record.seen.rates = [rate for rate in rates if rate is not None]
        record.seen.weight_decay = any(group.get("weight_decay") for group in optimizer.param_groups)
        record.seen.scheduled = any("initial_lr" in group for group in optimizer.param_groups)

    def _waiting(self) -> bool:
        """Whether an optimizer that still exists has not been seen enough."""
        return any(
            not (record.enough or record.inner or self._stands_for_another(record))
            for record in self._order
            if record.reference() is not None
        )

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

    @guarded
    def cleared(self, optimizer: Any) -> None:
        seen = self.record_of(optimizer).seen
        seen.clears += 1
        place = here()
        if place is not None and place not in seen.cleared_at and len(seen.cleared_at) < _CLEARS:
            seen.cleared_at.append(place)

    # Backward passes

    @guarded
    def backward_begins(self, tensors: Any, accumulates: bool) -> None:
        """`accumulates`: into ``.grad``, unlike `autograd.grad`, which hands the gradients out."""
        depth = self.local.depth = getattr(self.local, "depth", 0) + 1
        if depth > 1:
            return
        self._backward_count += 1
        losses = list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
        losses = [each for each in losses if isinstance(each, torch.Tensor)]
        for record in self._order:
            optimizer = record.reference()
            for parameter in parameters_of(optimizer) if optimizer is not None else ():
                held = self.ledger.subject(parameter).seen.optimizers
                if not record.inner and record.index not in held:
                    held.append(record.index)
        self.ledger.settle(sys._getframe())
        for record in self._order:
            optimizer = record.reference()
            if optimizer is not None and not record.seen.name:
                self._name(record, optimizer)
        walked = graph.walk(losses)
        nodes, leaves = walked if walked is not None else (None, None)
        if leaves and self._order:
            self.ledger.adopt(leaves)
            self.ledger.settle(sys._getframe())
        if self._by_hand():
            self.manual.backward(leaves or [] if not self._order else [])
        self.ledger.baseline()
        if accumulates:
            self.batch.loss(scalar(losses[0]) if losses else None, nodes)
            self.lineage.loss(losses)
        self.gradients.before_backward(losses, leaves, accumulates, self._order)
        if accumulates and losses and all(self.lineage.is_alone(loss) for loss in losses):
            self.gradients.is_alone()
        if nodes is not None:
            self.chain.begin(nodes, self._flowed)
        self.reach("backward", self._backward_count)

    @guarded
    def backward_ends(self, asked: dict[int, Any] | None) -> None:
        """`asked` is what `autograd.grad` returned, by identity of the tensor; None after a
        pass that raised.
        """
        self.local.depth = getattr(self.local, "depth", 1) - 1
        if not self.local.depth:
            self.chain.end()
        if self.local.depth or asked is None:
            return
        self._forward_since_backward = False
        by_hand = self._by_hand()
        for tensor, gradient in self.gradients.after_backward(asked):
            if by_hand:
                self.manual.received(tensor, gradient)
        self._since_progress += not (asked and self._order)
        if self._since_progress >= self._limit:
            self.finish("limit", "backwards")
        elif self.manual.enough and not self._order:
            self.finish("verdict")

    @guarded
    def _flowed(self, node: Any, going: Any, coming: Any) -> None:
        self.chain.flowed(node, going, coming)

    def _by_hand(self) -> bool:
        """Whether no optimizer has made a step, so that updates, if there are any, are the script's own."""
        return not any(record.seen.completed or record.depth for record in self._order)

    # Forward passes

    def forward_begins(self, module: Any, arguments: Any) -> None:
        if self.over or module.__dict__.get("_is_replica"):
            return
        depth = self.local.forward = getattr(self.local, "forward", 0) + 1
        if self.ledger.call(module, depth == 1):
            self._new_model(module)
        if isinstance(module, NORMALISATIONS) and self._last_output is not None:
            self._normalised(module, arguments)
        if depth == 1:
            self._model_runs(module)

    def forward_ends(self, module: Any, arguments: Any, output: Any) -> None:
        if self.over or module.__dict__.get("_is_replica"):
            return
        if isinstance(module, ACTIVATIONS) and torch.is_grad_enabled():
            self._activated(module, output)
        if isinstance(module, ADDING) and module.bias is not None and isinstance(output, torch.Tensor):
            self._last_output = (weakref.ref(output), weakref.ref(module))
        depth = self.local.forward = max(0, getattr(self.local, "forward", 1) - 1)
        if depth == 0:
            self._model_ran(module, arguments, output)

    @guarded
    def _new_model(self, module: Any) -> None:
        if self._looks < _LOOKS:
            self._looks += 1
            self.ledger.settle(sys._getframe())
        self.reach("forward")

    @guarded
    def _model_runs(self, module: Any) -> None:
        self.lineage.model_begins(module)

    @guarded
    def _normalised(self, module: Any, arguments: Any) -> None:
        """A batch normalisation that gets what a layer has just put out takes the layer's bias away again."""
        output, layer = (reference() for reference in self._last_output)
        if layer is not None and arguments and arguments[0] is output and subtracts_the_mean(module):
            self.ledger.subject(layer.bias).seen.cancelled = True

    @guarded
    def _activated(self, module: Any, output: Any) -> None:
        self.batch.activation(module, output)

    @guarded
    def _model_ran(self, module: Any, arguments: Any, output: Any) -> None:
        self.lineage.model_ends(module)
        if torch.is_grad_enabled():
            self._forward_since_backward = True
            self.batch.model(module, arguments, output, self.ledger)

    # Scaling, clipping, loading

    @guarded
    def scaled(self, loss: Any) -> None:
        self.gradients.scaled(loss)

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

    @guarded
    def loaded(self, module: Any) -> None:
        for parameter in module.parameters():
            self.ledger.subject(parameter).seen.loaded = True

    @guarded
    def started_child(self) -> None:
        self.children += 1

    # The end

    def finish(self, ended: str, limit: str | None = None, error: ErrorSeen | None = None) -> None:
        """Hand over what was seen, once. Safe from any thread; the caller's own lock is not needed."""
        locked = self.lock.acquire(timeout=5)
        try:
            if self.over:
                return
            self.busy = threading.get_ident()
            if ended == "limit" and any(record.counted for record in self._order) and not self._waiting():
                ended, limit = "verdict", None
            observation = Observation(REACHED[self._stage], ended, time.monotonic() - self._started, limit)
            observation.error = error
            try:
                self._fill(observation)
            except Exception:
                self.fault = (self.fault or "") + traceback.format_exc()
            self.over = True
            self.busy = None
        finally:
            if locked:
                self.lock.release()
        self._done(observation, self.fault)

    def forget(self) -> None:
        """Let go of every tensor, model and optimizer: the user's memory is the user's."""
        self.over = True
        self.ledger = Ledger()
        self.lineage = Lineage(self.ledger)
        self.manual = ManualUpdates(self.ledger)
        self.gradients = Gradients(self.ledger)
        self.chain.end()
        self.chain = Chain(self.ledger)
        self.schedules, self.losses = Schedules(), Losses()
        self._optimizers.clear()
        self._order.clear()

    def _fill(self, observation: Observation) -> None:
        """What was seen, in the words of the protocol."""
        observation.torch = str(torch.__version__)
        observation.children = self.children
        observation.optimizers = [record.seen for record in self._order]
        if not self._backward_count and not any(seen.completed or seen.skipped for seen in observation.optimizers):
            return
        self._look_around()
        for record in self._order:
            self._close(record)
        self._look_around()
        for subject, tensor in self.ledger.live():
            subject.seen.used = self.lineage.used(tensor)
        self.lineage.explain()
        self.chain.explain()
        self.ledger.find_cancelled(ADDING)
        self.manual.finish()
        observation.parameters, observation.buffers = self.ledger.finish()
        observation.steps = self._steps
        observation.backwards = self.gradients.backwards
        observation.backward_count = self._backward_count
        observation.manual_updates = self.manual.rounds
        observation.clips = self.gradients.clips
        observation.cuts = self.lineage.cuts
        observation.modes = self.batch.modes
        observation.batch = self.batch.facts
        observation.models = self.batch.models
        observation.schedulers = self.schedules.seen
        observation.losses = self.losses.seen
        observation.vanishings = self.chain.vanishings
        observation.unharmful = self.lineage.unharmful
        modules = [(module, label) for label, module in self.ledger.names.named_modules()]
        tensors = [(tensor, subject.seen.name) for subject, tensor in self.ledger.live()]
        observation.switches = switches(modules, tensors)
        observation.counterfactual = self._counterfactual

    def _look_around(self) -> None:
        """Find names from where the script is, whichever thread asks. A frame kept in itself would keep everything."""
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        try:
            self.ledger.settle(frame)
        finally:
            del frame

    def _close(self, record: steps.OptimizerRecord) -> None:
        """The last facts of an optimizer: what it holds, and the step that it is in the middle of."""
        optimizer = record.reference()
        record.seen.alive = optimizer is not None
        if optimizer is None:
            return
        self._name(record, optimizer)
        record.inner = record.seen.inner = record.inner or self._stands_for_another(record)
        for parameter in parameters_of(optimizer):
            held = self.ledger.subject(parameter).seen.optimizers
            if not record.inner and record.index not in held:
                held.append(record.index)
        if record.open is not None and not record.open.skipped_inside and record.open.reached:
            record.seen.mid_step = True
            self._record(record.open, optimizer, complete=False)


def _stepping(optimizer: Any) -> bool:
    """Whether an outer `step` of this optimizer is running: one that raised has told nobody of its end."""
    code = getattr(type(optimizer).step, "__code__", None)
    found = 0
    outer: Any = sys._getframe()
    while outer is not None:
        found += outer.f_code is code and outer.f_locals.get("self") is optimizer
        outer = outer.f_back
    return found > 1
