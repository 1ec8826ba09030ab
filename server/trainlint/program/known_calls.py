"""Calls of functions and classes that a table knows."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from . import (
    access,
    builtin_calls,
    calls,
    configuration_files,
    defaults,
    functional,
    grad_mode,
    in_place,
    objects,
    operations,
    options,
    parameters,
    training_methods,
    unseen,
)
from .effects import Clear, Clip, Create, Distribute, Fill, Forward, Grow, Rebind, Step
from .frameworks.options import AS_TABLES, REPLACING
from .frameworks.table import Meaning, canonical, maker, meaning, operation_name, signature
from .machine import Machine
from .names import text_of
from .naming import LOSS, suggests
from .things import (
    NONE,
    PLAIN,
    UNKNOWN,
    Choice,
    Constant,
    External,
    Function,
    Many,
    Mapping,
    Partial,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from .values import as_tensor, mix, things_in


def call(m: Machine, node: ast.expr, callee: External, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    """The value of a call of something imported, by what the tables say of it."""
    name = canonical(callee.name)
    callee = callee if name == callee.name else External(name)
    loaded = configuration_files.call(m, callee.name, args, keywords)
    if loaded is not None:
        return loaded
    offered = options.call(m, node, callee.name, args, keywords)
    if offered is not None:
        return offered
    held = args[0] if args and (callee.name in AS_TABLES or callee.name in REPLACING) else None
    if isinstance(held, Thing) and held.cls is not None and held.in_sight:
        return defaults.table(m, held) if callee.name in AS_TABLES else defaults.replaced(m, node, held, keywords)
    if isinstance(held, Thing) and held in m.namespaces:
        return held
    if callee.name.startswith("builtins."):
        return builtin_calls.call(m, node, callee.name[9:], args, keywords, used)
    differentiated = functional.call(m, node, callee, args, keywords)
    if differentiated is not None:
        return differentiated
    role = maker(callee.name)
    if role is None and keywords.get("requires_grad") == Constant(True) and meaning(callee.name) is not None:
        role = Role.LEAF
    if role is not None:
        return objects.make(m, node, role, callee.name, args, keywords)
    known = meaning(callee.name)
    if known is None or known is Meaning.UNSEEN:
        made = unseen.call(m, node, callee, args, keywords, used)
        functional.out_of_sight(m, node, callee, args, keywords, made)
        return made
    if known in functional.MEANINGS:
        return functional.known_call(m, node, known, callee, args, keywords, used)
    if known is not Meaning.PARTIAL and known is not Meaning.UNION:
        for value in (*args, *keywords.values()):
            parameters.exhaust(m, node, value, sure=known is Meaning.CLIP)
    handler = _HANDLERS.get(known)
    return handler(Call(m, node, known, callee.name, args, keywords, used)) if handler is not None else UNKNOWN


class Call(NamedTuple):
    """A call of a function whose meaning is `known`, by its qualified `name`; `used`: something is made of its value."""

    m: Machine
    node: ast.expr
    known: Meaning
    name: str
    args: list[Value]
    keywords: dict[str, Value]
    used: bool

    @property
    def first(self) -> Value:
        return self.args[0] if self.args else next(iter(self.keywords.values()), UNKNOWN)

    @property
    def values(self) -> tuple[Value, ...]:
        return (*self.args, *self.keywords.values())

    def argument(self, position: int, *names: str) -> Value:
        """An argument by its place, or the first that has one of these names."""
        if len(self.args) > position:
            return self.args[position]
        return next((self.keywords[name] for name in names if name in self.keywords), UNKNOWN)


def _backward(call: Call) -> Value:
    given = dict(zip(("tensors", "gradient", "retain_graph", "create_graph"), call.args, strict=False)) | call.keywords
    given["gradient"] = given.pop("grad_tensors", given.get("gradient", NONE))
    text = text_of((getattr(call.node, "args", None) or [call.node])[0])
    training_methods.backward(call.m, call.node, as_tensor(call.first), text, None, given)
    return UNKNOWN


def _step(call: Call) -> Value:
    call.m.emit_effect(Step, call.node, tuple(things_in(call.first)), text_of(call.node))
    return UNKNOWN


def _clear(call: Call) -> Value:
    call.m.emit_effect(Clear, call.node, tuple(things_in(call.first)), None, text_of(call.node))
    return UNKNOWN


def _clip(call: Call) -> Value:
    call.m.emit_effect(Clip, call.node, parameters.of(call.first), call.argument(1, "max_norm", "clip_value"), call.used)
    return UNKNOWN


def _fill(call: Call) -> Value:
    call.m.emit_effect(Fill, call.node, call.first, in_place.filling(call.name.rpartition(".")[2], call.args))
    return UNKNOWN


def _wrap(call: Call) -> Value:
    call.m.handing[call.node] = 0
    return Sequence(tuple(call.args)) if call.known is Meaning.WRAP and len(call.args) > 1 else call.first


def _adapt(call: Call) -> Value:
    names = signature(call.name.rpartition(".")[2]) or ("model",)
    model = (dict(zip(names, call.args, strict=False)) | call.keywords).get("model", UNKNOWN)
    call.m.emit_effect(Grow, call.node, tuple(things_in(model)), True)
    return model


def _distribute(call: Call) -> Value:
    call.m.emit_effect(Distribute, call.node, tuple(things_in(call.first)))
    return call.first


def _compute(call: Call) -> Value:
    m, node, args = call.m, call.node, call.args
    for value in args:
        if isinstance(value, Thing) and value.role is Role.MODULE:
            m.emit_effect(Forward, node, value)
    if call.known is Meaning.COMPUTE_BY and isinstance(call.first, Function):
        args = [calls.apply(m, node, call.first, args[1:], {}, used=True), *args[1:]]
    loss = suggests(call.name, LOSS)
    result = calls.of_prediction(args, call.keywords) if loss else mix((*args, *call.keywords.values()))
    done = operations.compute(m, node, operation_name(call.name), args, call.keywords)
    opaque = result.opaque and (call.known is not Meaning.DATA or bool(result.sources))
    return operations.computed(m, Tensor(result.sources, opaque, result.loss or loss), done)


def _cut(call: Call) -> Value:
    return Tensor(origin=operations.compute(call.m, call.node, _short(call.name), call.args, call.keywords, cuts=True))


def _cast(call: Call) -> Value:
    whole = operations.is_whole(call.argument(1, "dtype"))
    done = operations.compute(call.m, call.node, operation_name(call.name), call.args, call.keywords, cuts=whole)
    return operations.computed(call.m, as_tensor(call.first), done)


def _grad_mode(call: Call) -> Value:
    return grad_mode.called(call.m, call.node, call.name, call.known, call.first)


def _engine(call: Call) -> Value:
    """`(engine, optimizer, ...)`: the engine holds the model it was given and steps it."""
    engine = objects.make(call.m, call.node, Role.ENGINE, "engine", call.args, call.keywords)
    model = call.keywords.get("model", call.args[1] if len(call.args) > 1 else UNKNOWN)
    engine.parameters = parameters.of(model)
    return Sequence((engine, call.keywords.get("optimizer", UNKNOWN), UNKNOWN, UNKNOWN))


def _copy(m: Machine, node: ast.expr, original: Value, tag: str = "copy") -> Value:
    """What `deepcopy` returns: of several objects or collections, a copy of each."""
    if isinstance(original, Many) and isinstance(original.element, Tensor):
        return Many(original.element.by(operations.compute(m, node, "deepcopy", [original.element], cuts=True)))
    if isinstance(original, Many):
        return Many(_copy(m, node, original.element, tag))
    if isinstance(original, Choice):
        return Choice(tuple(_copy(m, node, option, f"{tag} {number}") for number, option in enumerate(original.options)))
    if isinstance(original, Sequence):
        return replace(original, items=tuple(_copy(m, node, part, f"{tag} {n}") for n, part in enumerate(original.items)))
    if isinstance(original, Mapping):
        return replace(original, items=tuple((key, _copy(m, node, part, f"{tag} {key}")) for key, part in original.items))
    if not isinstance(original, Thing):
        return original
    thing = m.thing(node, tag, role=original.role)
    thing.cls, thing.created_by, thing.copy_of = original.cls, "copy.deepcopy", original
    m.emit_effect(Create, node, thing)
    m.emit_effect(Rebind, node, thing)
    return thing


def _short(name: str) -> str:
    """The name of an operation that cuts: without its library, where that is one of those that train."""
    return name.removeprefix("torch.") if name.startswith(("torch.", "numpy.")) else name.rpartition(".")[2]


# Meanings without an entry do nothing that matters, and return nothing that does.
_HANDLERS: dict[Meaning, Callable[[Call], Value]] = {
    Meaning.BACKWARD: _backward,
    Meaning.STEP: _step,
    Meaning.CLEAR: _clear,
    Meaning.CLIP: _clip,
    Meaning.FILL: _fill,
    Meaning.WRAP: _wrap,
    Meaning.WRAP_FIRST: _wrap,
    Meaning.ADAPT: _adapt,
    Meaning.DISTRIBUTE: _distribute,
    Meaning.COPY: lambda call: _copy(call.m, call.node, call.first),
    Meaning.ENGINE: _engine,
    Meaning.SEPARATE: lambda call: mix(call.values),
    Meaning.PURE: _compute,
    Meaning.DATA: _compute,
    Meaning.COMPUTE_BY: _compute,
    Meaning.CUT: _cut,
    Meaning.CAST: _cast,
    Meaning.PARTIAL: lambda call: Partial(call.first, tuple(call.args[1:]), tuple(call.keywords.items())),
    Meaning.UNION: lambda call: parameters.union(call.m, call.node, call.args),
    Meaning.PLAIN: lambda call: PLAIN,
    Meaning.GRADIENTS: lambda call: access.attribute(call.m, call.node, call.first, "grad"),
    Meaning.MEMBER: lambda call: access.item(call.m, call.first, UNKNOWN),
    Meaning.NO_GRAD: _grad_mode,
    Meaning.INFERENCE: _grad_mode,
    Meaning.GRAD: _grad_mode,
    Meaning.SET_GRAD: _grad_mode,
    Meaning.ASK_GRAD: _grad_mode,
}
