"""What happened so far in a training run, event by event, and whether that is enough for a verdict."""

from __future__ import annotations

import sys
import threading
from typing import Any

import torch

from ..observation import Observation
from . import attributes, steps
from .batch import ADDING
from .copies import parameters_of
from .flowing import Flowing
from .modules import parameters
from .origins import switches
from .recording import guarded


class Recorder(Flowing):
    """Turns events into an `Observation`."""

    @guarded
    def made(self, module: Any) -> None:
        self.ledger.origins.built(module)
        self.loops.module_built(module, getattr(self.local, "forward", 0))

    @guarded
    def switched(self, module: Any) -> None:
        self.ledger.origins.switched(module)

    @guarded
    def loader_built(self, loader: Any) -> None:
        self.loops.loader_built(loader)

    @guarded
    def loader_starts(self, loader: Any) -> None:
        self.loops.loader_starts(loader)

    @guarded
    def loaded(self, module: Any) -> None:
        for parameter in parameters(module):
            self.ledger.subject(parameter).seen.loaded = True

    @guarded
    def started_child(self) -> None:
        self.children += 1

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
        self.sums.explain()
        self.values.explain()
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
        observation.switches = [*switches(modules, tensors), *attributes.overwritten(modules)]
        self.loops.explain()
        attributes.lost_parameters(modules, self.ledger, self.chain, self.claims)
        observation.claims = self.claims.seen
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
        record.seen.wraps = bool(attributes.optimizers_of(optimizer))
        record.inner = record.seen.inner = record.inner or self._stands_for_another(record)
        for parameter in parameters_of(optimizer):
            held = self.ledger.subject(parameter).seen.optimizers
            if not record.inner and record.index not in held:
                held.append(record.index)
        if record.open is not None and not record.open.skipped_inside and record.open.reached:
            record.seen.mid_step = True
            self._record(record.open, optimizer, complete=False)
