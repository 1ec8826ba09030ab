"""Models that their library trains: compiled with an optimizer and a loss, then fitted."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from . import calls, operations
from .differentiation import operations_of
from .effects import Compile, Fit
from .frameworks.table import Meaning, forward_methods, is_fitted
from .machine import Machine
from .things import NONE, UNKNOWN, Constant, Function, Mapping, Partial, Role, Sequence, Tensor, Thing, Value

_COMPILE = ("optimizer", "loss", "metrics")


def method(m: Machine, node: ast.Call, model: Thing, kind: Meaning, args: list[Value], keywords: dict[str, Value]) -> Value:
    """Call a method that prepares a model for training, or that trains it."""
    if kind is Meaning.READ:
        return UNKNOWN
    if kind is Meaning.FIT:
        m.emit_effect(Fit, node, model, dict(enumerate_names(args)) | keywords)
        return UNKNOWN
    given = dict(zip(_COMPILE, args, strict=False)) | keywords
    losses = tuple(_losses(m, node, given.get("loss", UNKNOWN), model))
    m.emit_effect(Compile, node, model, given, losses)
    for loss, output in losses:
        _compute(m, node, loss, output)
    return NONE


def told(m: Machine, node: ast.expr, receiver: Value, name: str, keywords: dict[str, Value]) -> None:
    """An object out of sight that is compiled with an optimizer is a model."""
    optimizer = keywords.get("optimizer")
    unseen = isinstance(receiver, Thing) and receiver.role is None and receiver.cls is None
    if name == "compile" and unseen and isinstance(optimizer, Thing) and optimizer.role is Role.OPTIMIZER:
        m.emit_effect(Compile, node, receiver, keywords, ((keywords.get("loss", UNKNOWN), Tensor(opaque=True)),))


def _losses(m: Machine, node: ast.Call, loss: Value, model: Thing) -> Iterator[tuple[Value, Tensor]]:
    """Every loss with what the model computes for it: one of several outputs by its place, or by the name of its last layer."""
    output = _output(m, node, model)
    if isinstance(loss, Sequence):
        for index, one in enumerate(loss.items):
            yield one, _part(m, node, output, index)
    elif isinstance(loss, Mapping):
        names = _names_of_outputs(model)
        for key, one in loss.items:
            if names == [key]:
                yield one, output
            elif names.count(key) == 1:
                yield one, _part(m, node, output, names.index(key))
    else:
        yield loss, output


def _part(m: Machine, node: ast.Call, output: Tensor, index: int) -> Tensor:
    return Tensor(origin=m.operation(node, "getitem", (output, Constant(index))))


def _names_of_outputs(model: Thing) -> list[object]:
    """The names of the layers that compute the outputs of a model that is made of its inputs and outputs."""
    given = model.arguments.get("outputs", model.positional[1] if len(model.positional) > 1 else UNKNOWN)
    if isinstance(given, Mapping):
        return []
    names: list[object] = []
    for value in given.items if isinstance(given, Sequence) else (given,):
        layers = [one.callee for one in operations_of(value)]
        name = layers[0].arguments.get("name") if len(layers) == 1 and layers[0] is not None else None
        names.append(name.value if isinstance(name, Constant) else None)
    return names


def _compute(m: Machine, node: ast.Call, loss: Value, output: Tensor) -> None:
    """A loss of the program's own is computed of targets and of what the model computes."""
    if isinstance(loss, Thing) and loss.cls is not None:
        for name in forward_methods(loss.cls.outside):
            found = loss.cls.find(name)
            if found is not None:
                loss = Function(found[1], found[0].frame, loss)
                break
    if isinstance(loss, (Function, Partial)):
        calls.apply(m, node, loss, [Thing("y_true", data=True), output], {}, used=True)


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
