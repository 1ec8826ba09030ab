"""Facts about what becomes of values, and of gradients."""

from __future__ import annotations

from functools import cached_property

from ..basis import Basis
from .bootstrap import OpenTarget, open_targets
from .branches import IdleBranch, idle_branches
from .carried import CarriedGraph, CarriedGraphs, GrowingSum
from .detachments import DiscardedDetach, discarded_detaches
from .differentiable import CutLoss, Differentiable
from .idle_sums import IdleSum, IdleSums
from .objectives import DeadLoss, Fault, Objectives
from .opponents import CutOff, cut_off
from .resets import Reset, Resets
from .spent_tapes import SpentTape, spent_tapes
from .steps import Steps
from .terms import IdleTerm, UnreducedLoss, idle_terms, unreduced_losses
from .unusable import CutCheckpoint, InferenceTensor, cut_checkpoints, inference_tensors
from .unused_gradients import Unused, UnusedGradients
from .updates import Updates


class FlowFacts(Basis):
    @cached_property
    def cut_losses(self) -> list[CutLoss]:
        """Losses that no gradient gets through, where gradients are values."""
        return list(self.differentiable.cut_losses())

    @cached_property
    def differentiable(self) -> Differentiable:
        return Differentiable(self.program)

    @cached_property
    def steps(self) -> Steps:
        """Steps by values."""
        return Steps(self.program, self.fates)

    @cached_property
    def resets(self) -> list[Reset]:
        """Steps by values whose state is made anew in each turn."""
        return list(Resets(self.steps).all())

    @cached_property
    def updates(self) -> Updates:
        return Updates(self.steps, self.resets)

    @cached_property
    def unused_gradients(self) -> list[UnusedGradients]:
        """Gradients that are values, and that nothing reads."""
        return list(Unused(self.steps).all())

    @cached_property
    def spent_tapes(self) -> list[SpentTape]:
        """Tapes that are used once more than they last."""
        return list(spent_tapes(self.orders)) if self.differentiations.all else []

    @cached_property
    def _dead(self) -> list[DeadLoss]:
        return list(Objectives(self.program, self.gradients).dead())

    @cached_property
    def dead_losses(self) -> list[DeadLoss]:
        """Backwards by which nothing can train."""
        return [dead for dead in self._dead if dead.backward.by is None]

    @cached_property
    def dead_returns(self) -> list[DeadLoss]:
        """Losses that a class gives to the loop that trains it, and by which nothing can train because something cut them off."""
        return [dead for dead in self._dead if dead.backward.by is not None and dead.fault is not Fault.DATA]

    @cached_property
    def idle_terms(self) -> list[IdleTerm]:
        """Terms of losses that depend on the model and train nothing."""
        return list(idle_terms(self.program, self.gradients))

    @cached_property
    def idle_sums(self) -> list[IdleSum]:
        """Sums of losses that are only looked at, or have one loss in place of another."""
        return list(IdleSums(self.program, self.gradients, self.fates))

    @cached_property
    def unreduced_losses(self) -> list[UnreducedLoss]:
        """Backwards on more than one number."""
        return list(unreduced_losses(self.program, self.gradients.graph))

    @cached_property
    def discarded_detaches(self) -> list[DiscardedDetach]:
        return list(discarded_detaches(self.operations.get("detach", []), self.gradients))

    @cached_property
    def carried_graphs(self) -> list[CarriedGraph]:
        """Backwards through the graph of the turn before."""
        return list(CarriedGraphs(self.program, self.gradients, self.modules).again())

    @cached_property
    def growing_sums(self) -> list[GrowingSum]:
        """Sums of losses that keep the graphs of all their terms."""
        sums = [one for one in self.operations.get("add", []) if one.turns and not one.cuts]
        return list(CarriedGraphs(self.program, self.gradients, self.modules).kept(sums))

    @cached_property
    def cut_off(self) -> list[CutOff]:
        """Losses that are cut off from the model that the next step is to train."""
        return list(cut_off(self.program, self.gradients))

    @cached_property
    def inference_tensors(self) -> list[InferenceTensor]:
        """Tensors of inference mode that a layer or a loss has to keep for a backward."""
        return list(inference_tensors(self.program, self.gradients))

    @cached_property
    def cut_checkpoints(self) -> list[CutCheckpoint]:
        """Checkpoints through which no gradient gets to the weights inside."""
        return list(cut_checkpoints(self.program, self.gradients, self.modules))

    @cached_property
    def idle_branches(self) -> list[IdleBranch]:
        """Parts of models that optimizers hold and every loss is cut off from."""
        return list(idle_branches(self.program, self.gradients, self.modules))

    @cached_property
    def open_targets(self) -> list[OpenTarget]:
        """Targets that the model being trained computes with a graph."""
        return list(open_targets(self.program, self.gradients))
