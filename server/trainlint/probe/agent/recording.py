"""A training run as it is recorded: what watches it, how far it came, and how it ends."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
import traceback
from abc import ABC, abstractmethod
from typing import Any, Callable, Iterator

import torch

from ..observation import ErrorSeen, Observation, StepSeen
from ..protocol import REACHED, Progress
from . import steps
from .batch import BatchWatch
from .chain import Chain
from .claims import Claims
from .gradients import Gradients
from .ledger import Ledger
from .lineage import Lineage
from .loops import Loops
from .losses import Losses
from .manual import ManualUpdates
from .passes import Passes
from .places import here
from .scaling import Scaling
from .schedules import Schedules
from .sums import Sums
from .tensors import tracing
from .values import Values


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """An event of the run. A defect of the agent ends the watching, never the user's training."""

    @functools.wraps(method)
    def event(self: Recording, *args: Any, **kwargs: Any) -> Any:
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


class Recording(ABC):
    """The state of one run. `done` is called once with its `Observation`, `progress` at every new stage."""

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
        self.local = threading.local()
        self._watch_nothing_yet()
        self.lineage.quiet = lambda: self.over or threading.get_ident() == self.busy or tracing()
        self.lineage.on_loss_function = self._loss_function
        self.lineage.made = self._made
        self.lineage.on_operation = self._operation
        self.lineage.on_failure = self._operation_failed
        self.lineage.on_switch = self.values.switched
        self.values.moment = lambda: self._forwards
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
        self._forwards = 0
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

    def _watch_nothing_yet(self) -> None:
        """What watches the parts of a run, with nothing seen and nothing held."""
        self.ledger = Ledger()
        self.lineage = Lineage(self.ledger)
        self.manual = ManualUpdates(self.ledger)
        self.gradients = Gradients(self.ledger)
        self.batch = BatchWatch()
        self.losses = Losses()
        self.schedules = Schedules()
        self.chain = Chain(self.ledger)
        self.losses.place_of = self.chain.place_of
        self.claims = Claims()
        self.sums = Sums(self.claims, self.lineage.cuts_of)
        self.values = Values(self.ledger, self.claims)
        self.passes = Passes(self.claims)
        self.loops = Loops(self.ledger, self.claims)
        self.scaling = Scaling(self.claims)

    def _loss_function(self, name: str, args: Any, kwargs: Any, result: Any) -> None:
        self.batch.loss_function(name, args, kwargs, result)
        if torch.is_grad_enabled():
            self.losses.call(name, args, kwargs)

    def _operation(self, name: str, args: Any, inputs: list[Any], outputs: list[Any]) -> None:
        self.values.operation(name, args, inputs, outputs)
        self.sums.operation(name, inputs, outputs)

    def _made(self, name: str, outputs: list[Any]) -> None:
        if not self.chain.enough and torch.is_grad_enabled():
            self.chain.made(name, outputs)

    def _operation_failed(self) -> None:
        self.fault = traceback.format_exc()
        self.finish("fault")

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
        self.chain.end()
        self._watch_nothing_yet()
        self._optimizers.clear()
        self._order.clear()

    @abstractmethod
    def _waiting(self) -> bool:
        """Whether an optimizer that still exists has not been seen enough."""

    @abstractmethod
    def _fill(self, observation: Observation) -> None:
        """What was seen, in the words of the protocol."""
