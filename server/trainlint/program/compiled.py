"""Models that their library trains: compiled with an optimizer and a loss, then fitted."""

from __future__ import annotations

import ast

from . import operations
from .effects import Compile, Fit
from .frameworks.table import Meaning, forward_methods, is_fitted
from .machine import Machine
from .things import NONE, UNKNOWN, Function, Role, Tensor, Thing, Value

_COMPILE = ("optimizer", "loss", "metrics")


def method(m: Machine, node: ast.Call, model: Thing, kind: Meaning, args: list[Value], keywords: dict[str, Value]) -> Value:
    """Call a method that prepares a model for training, or that trains it."""
    if kind is Meaning.READ:
        return UNKNOWN
    if kind is Meaning.FIT:
        m.emit_effect(Fit, node, model, dict(enumerate_names(args)) | keywords)
        return UNKNOWN
    given = dict(zip(_COMPILE, args, strict=False)) | keywords
    m.emit_effect(Compile, node, model, given, _output(m, node, model))
    return NONE


def enumerate_names(args: list[Value]) -> list[tuple[str, Value]]:
    return [(str(index), value) for index, value in enumerate(args)]


def belongs(thing: Thing) -> bool:
    """A model that can be compiled and fitted: of a library whose models are, or of a class in sight that is derived from one."""
    if thing.role is not Role.MODULE:
        return False
    if thing.cls is not None:
        return bool(forward_methods(thing.cls.outside))
    return is_fitted(thing.created_by or "")


def _output(m: Machine, node: ast.Call, model: Thing) -> Tensor:
    """What the model computes, whatever it is given."""
    if model.cls is not None:
        for name in forward_methods(model.cls.outside):
            found = model.cls.find(name)
            if found is not None:
                m.forwards.setdefault(model, (Function(found[1], found[0].frame, model), m.store))
    return Tensor(origin=operations.forward(m, node, model, [UNKNOWN], {}))
