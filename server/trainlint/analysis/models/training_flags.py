"""Calls of models that say nothing of training, where their gradients are taken."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.compiled import belongs
from ...program.frameworks.table import forward_methods
from ...program.program import Program
from ...program.things import Constant, Thing
from ..flow.differentiations import Differentiation, Differentiations
from ..wiring.kinship import related
from .modules import Content, Modules

_FLAG = "training"


@dataclass(frozen=True, slots=True)
class UnflaggedCall:
    """`model` is called while a tape records, and works as in inference: `content` in it is idle. `taken` differentiates it."""

    call: fx.Forward
    model: Thing
    content: Content
    taken: Differentiation


def unflagged_calls(program: Program, differentiations: Differentiations, modules: Modules) -> Iterator[UnflaggedCall]:
    """Calls without the flag that tells a model to train, each place once."""
    if any(operation.name == "set_learning_phase" for operation in program.operations):
        return
    looked_into = {taken.tape for taken in differentiations.all if not taken.by_parameters}
    by_tape = {taken.tape: taken for taken in differentiations.all if taken.by_parameters and taken.tape is not None}
    told: set[ast.AST] = set()
    for effect in (effect for entry in program.entries for effect in entry.effects):
        if not isinstance(effect, fx.Forward) or effect.operation is None or effect.site.node in told:
            continue
        model, call = effect.thing, effect.site.node
        if not looked_into.isdisjoint(effect.operation.tapes):
            continue
        recording = [by_tape[tape] for tape in effect.operation.tapes if tape in by_tape]
        taken = next((one for one in recording if any(related(model, owner) for owner in one.owners)), None)
        if taken is None or not belongs(model) or not isinstance(call, ast.Call) or _is_flagged(call, model):
            continue
        for content in (Content.DROPOUT, Content.BATCH_NORM):
            if modules.contains(model, content) and not _always(program, model):
                told.add(call)
                yield UnflaggedCall(effect, model, content, taken)
                break


def _is_flagged(call: ast.Call, model: Thing) -> bool:
    """The call says whether the model trains, or may; or the model takes it for granted."""
    if len(call.args) != 1 or any(keyword.arg is None or "train" in keyword.arg for keyword in call.keywords):
        return True
    if model.cls is None:
        return False
    found = next((method for name in forward_methods(model.cls.outside) if (method := model.cls.find(name))), None)
    if found is None or model.cls.find("__call__") is not None:
        return True
    names = found[1].args
    positional = [*names.posonlyargs, *names.args]
    defaults = dict(zip(reversed([one.arg for one in positional]), reversed(names.defaults), strict=False))
    named = zip(names.kwonlyargs, names.kw_defaults, strict=True)
    defaults |= {one.arg: default for one, default in named if default is not None}
    given = defaults.get(_FLAG)
    return given is not None and not (isinstance(given, ast.Constant) and given.value in (None, False))


def _always(program: Program, model: Thing) -> bool:
    """A part of the model is told to train wherever it is called."""
    summary = program.summary(model) if model.cls is not None else None
    return summary is not None and any(one.arguments.get(_FLAG) == Constant(True) for one in summary.operations)
