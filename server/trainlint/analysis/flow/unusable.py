"""Values by which gradients cannot flow where they are used: tensors of inference mode, and what a checkpoint is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.frameworks.table import LOSS_OPERATIONS
from ...program.program import Program
from ...program.things import Constant, Operation, Role, Thing
from ..models.modules import Modules
from ..wiring.kinship import related
from .gradients import Gradients

# Layers that keep their input for the gradient of their weights, and losses that keep what they compare.
_KEEPING = frozenset(
    {"linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "batch_norm",
     "layer_norm", "group_norm", "lstm", "gru", "rnn", "mse_loss", "smooth_l1_loss", "huber_loss", "kl_div"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class InferenceTensor:
    """`user` keeps what `made` computed inside `context` for a backward, which such tensors refuse."""

    user: Operation
    made: Operation
    context: ast.AST


@dataclass(frozen=True, slots=True)
class CutCheckpoint:
    """`operation` recomputes `model` in a way that needs an input with a gradient, and there is none. `switch` says so."""

    operation: Operation
    model: Thing
    switch: ast.expr | None


def inference_tensors(program: Program, gradients: Gradients) -> Iterator[InferenceTensor]:
    if not program.inference:
        return
    frozen = _frozen(program)
    told: set[ast.AST] = set()
    for entry in program.entries:
        for effect in entry.of(fx.Backward):
            for cut in gradients.of(effect).cuts.values():
                user = cut.into
                if cut.region not in program.inference or cut.region is None or user is None or user.site.node in told:
                    continue
                layer = user.callee
                if user.name not in _KEEPING or (layer is not None and any(related(layer, one) for one in frozen)):
                    continue
                if layer is None and user.name not in LOSS_OPERATIONS:
                    continue
                told.add(user.site.node)
                yield InferenceTensor(user, cut.operation, cut.region)


def cut_checkpoints(program: Program, gradients: Gradients, modules: Modules) -> Iterator[CutCheckpoint]:
    told: set[ast.AST] = set()
    for entry in program.entries:
        for effect in entry.of(fx.Backward):
            for source in gradients.of(effect).passed:
                operation = source.operation
                if operation is None or operation.name != "checkpoint" or operation.site.node in told:
                    continue
                model = operation.inputs[0]
                given = [gradients.reach(operand) for operand in source.operands[1:]]
                if operation.arguments.get("use_reentrant") != Constant(True) or not given:
                    continue
                if not isinstance(model, Thing) or model.role is not Role.MODULE or modules.has_parameters(model) is not True:
                    continue
                if all(reach.nothing for reach in given) and not any(related(model, one) for one in _frozen(program)):
                    told.add(operation.site.node)
                    keywords = {keyword.arg: keyword.value for keyword in getattr(operation.site.node, "keywords", ())}
                    yield CutCheckpoint(operation, model, keywords.get("use_reentrant"))


def _frozen(program: Program) -> list[Thing]:
    """What may not be trained: anything whose parameters stop to require gradients some time."""
    return [owner for effect in program.effects(fx.Freeze) if effect.trainable is not True for owner in effect.parameters.owners]
