"""Backward and forward passes."""

from __future__ import annotations

import sys
import weakref
from typing import Any

import torch

from . import graph
from .batch import ACTIVATIONS, ADDING, NORMALISATIONS, subtracts_the_mean
from .copies import parameters_of
from .places import user_frames
from .recording import guarded
from .stepping import Stepping
from .tensors import scalar

_LOOKS = 32
"""How many calls of models are used to find names: later ones bring nothing new."""


_LONGEST = 16
"""How many times as many backward passes go by where the code that runs them speaks of a step: a long accumulation."""


def _may_step() -> bool:
    """Whether one of the running functions of the script calls some `step`."""
    return any("step" in frame.f_code.co_names for frame in user_frames(sys._getframe()))


class Flowing(Stepping):
    """Events of models and of losses."""

    # Backward passes

    @guarded
    def backward_begins(self, tensors: Any, accumulates: bool, keeps: bool = False) -> None:
        """`accumulates`: into ``.grad``, unlike `autograd.grad`, which hands the gradients out. `keeps`: the graph."""
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
            self.sums.differentiated(losses, nodes)
            self.passes.begins(nodes, keeps, losses[0].device.type if losses else "cpu")
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
        if self._since_progress >= self._limit and (self._since_progress >= self._limit * _LONGEST or not _may_step()):
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
        self._forwards += 1
        self.lineage.model_begins(module)
        if torch.is_grad_enabled():
            self.loops.model_called(module)
            self.scaling.forward(module)

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
