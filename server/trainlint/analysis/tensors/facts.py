"""Facts about what tensors hold, and what losses take."""

from __future__ import annotations

import ast
from functools import cached_property

from ...program.things import Operation, Tensor
from ..basis import Basis
from ..flow.graph import Node
from ..flow.reductions import is_mean
from .divergences import MistakenDivergence, mistaken_divergences
from .links import MisfitLoss, misfit_losses
from .loading import OrderedLoader, ordered_loaders
from .scales import PlainPipeline, RawInput, plain_pipelines, raw_inputs
from .targets import WrongTarget, wrong_targets


class TensorFacts(Basis):
    def layers_behind(self, operation: Operation) -> list[ast.AST]:
        """Where the linear layers are built that are given the result of `operation` as it is."""
        return [
            after.callee.node
            for after, source in self.differentiated.items()
            if after.name == "linear" and after.callee is not None and after.callee.node is not None and source.operands
            if any(before.operation is operation for before in self.gradients.graph.sources(source.operands[0]))
        ]

    @cached_property
    def ordered_loaders(self) -> list[OrderedLoader]:
        """Loaders that training goes over class by class."""
        return list(ordered_loaders(self.program, self.values))

    @cached_property
    def targets(self) -> list[WrongTarget]:
        """Losses whose target cannot be one."""
        return list(wrong_targets(self.operations, self.shapes, self.gradients))

    @cached_property
    def mistaken_divergences(self) -> list[MistakenDivergence]:
        """Divergences that take probabilities for logarithms, or the other way round."""
        return list(mistaken_divergences(self.operations.get("kl_div", ()), self.values))

    @cached_property
    def misfit_losses(self) -> list[MisfitLoss]:
        """Losses that take what they are given for something else."""
        return list(misfit_losses(self.program, self.values))

    @cached_property
    def raw_inputs(self) -> list[RawInput]:
        """Models that are trained on integers of images, as they were stored."""
        return list(raw_inputs(self.program, self.values, self.modules))

    @cached_property
    def plain_pipelines(self) -> list[PlainPipeline]:
        """Transformations of images that end where these have become tensors."""
        return list(plain_pipelines(self.program))

    def is_mean(self, loss: Tensor) -> bool:
        """`loss` is a mean over its batch, or a sum of such, and divided by nothing else."""
        return is_mean(self.values, Node(loss))
