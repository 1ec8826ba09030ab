"""Calls of functions and classes that a table knows."""

from __future__ import annotations

import ast
from dataclasses import replace

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
    first = args[0] if args else next(iter(keywords.values()), UNKNOWN)
    if known is not Meaning.PARTIAL and known is not Meaning.UNION:
        for value in (*args, *keywords.values()):
            parameters.exhaust(m, node, value, sure=known is Meaning.CLIP)
    if known is Meaning.BACKWARD:
        given = dict(zip(("tensors", "gradient", "retain_graph", "create_graph"), args, strict=False)) | keywords
        given["gradient"] = given.pop("grad_tensors", given.get("gradient", NONE))
        training_methods.backward(m, node, as_tensor(first), text_of((getattr(node, "args", None) or [node])[0]), None, given)
    elif known is Meaning.STEP:
        optimizers = tuple(things_in(first))
        m.emit_effect(Step, node, optimizers, text_of(node))
    elif known is Meaning.CLEAR:
        m.emit_effect(Clear, node, tuple(things_in(first)), None, text_of(node))
    elif known is Meaning.CLIP:
        limit = args[1] if len(args) > 1 else keywords.get("max_norm", keywords.get("clip_value", UNKNOWN))
        m.emit_effect(Clip, node, parameters.of(first), limit, used)
    elif known is Meaning.FILL:
        m.emit_effect(Fill, node, first, in_place.filling(callee.name.rpartition(".")[2], args))
    elif known in (Meaning.WRAP, Meaning.WRAP_FIRST):
        m.handing[node] = 0
        return Sequence(tuple(args)) if known is Meaning.WRAP and len(args) > 1 else first
    elif known is Meaning.ADAPT:
        return _adapt(m, node, callee.name.rpartition(".")[2], args, keywords)
    elif known is Meaning.DISTRIBUTE:
        m.emit_effect(Distribute, node, tuple(things_in(first)))
        return first
    elif known is Meaning.COPY:
        return _copy(m, node, first)
    elif known is Meaning.ENGINE:
        return _engine(m, node, args, keywords)
    elif known is Meaning.SEPARATE:
        return mix((*args, *keywords.values()))
    elif known in (Meaning.PURE, Meaning.DATA, Meaning.COMPUTE_BY):
        for value in args:
            if isinstance(value, Thing) and value.role is Role.MODULE:
                m.emit_effect(Forward, node, value)
        if isinstance(first, Function) and known is Meaning.COMPUTE_BY:
            args = [calls.apply(m, node, first, args[1:], {}, used=True), *args[1:]]
        result = mix((*args, *keywords.values()))
        if suggests(callee.name, LOSS):
            result = calls.of_prediction(args, keywords)
        done = operations.compute(m, node, operation_name(callee.name), args, keywords)
        opaque = result.opaque and (known is not Meaning.DATA or bool(result.sources))
        return operations.computed(m, Tensor(result.sources, opaque, result.loss or suggests(callee.name, LOSS)), done)
    elif known is Meaning.CUT:
        return Tensor(origin=operations.compute(m, node, _short(callee.name), args, keywords, cuts=True))
    elif known is Meaning.CAST:
        whole = operations.is_whole(args[1] if len(args) > 1 else keywords.get("dtype", UNKNOWN))
        done = operations.compute(m, node, operation_name(callee.name), args, keywords, cuts=whole)
        return operations.computed(m, as_tensor(first), done)
    elif known is Meaning.PARTIAL:
        return Partial(first, tuple(args[1:]), tuple(keywords.items()))
    elif known is Meaning.UNION:
        return parameters.union(m, node, args)
    elif known is Meaning.PLAIN:
        return PLAIN
    elif known is Meaning.GRADIENTS:
        return access.attribute(m, node, first, "grad")
    elif known is Meaning.MEMBER:
        return access.item(m, first, UNKNOWN)
    elif known in grad_mode.MODES or known is Meaning.ASK_GRAD:
        return grad_mode.called(m, node, callee.name, known, first)
    return UNKNOWN


def _adapt(m: Machine, node: ast.expr, name: str, args: list[Value], keywords: dict[str, Value]) -> Value:
    names = signature(name) or ("model",)
    model = (dict(zip(names, args, strict=False)) | keywords).get("model", UNKNOWN)
    m.emit_effect(Grow, node, tuple(things_in(model)), True)
    return model


def _short(name: str) -> str:
    """The name of an operation that cuts: without its library, where that is one of those that train."""
    return name.removeprefix("torch.") if name.startswith(("torch.", "numpy.")) else name.rpartition(".")[2]


def _engine(m: Machine, node: ast.expr, args: list[Value], keywords: dict[str, Value]) -> Value:
    """`(engine, optimizer, ...)`: the engine holds the model it was given and steps it."""
    engine = objects.make(m, node, Role.ENGINE, "engine", args, keywords)
    model = keywords.get("model", args[1] if len(args) > 1 else UNKNOWN)
    engine.parameters = parameters.of(model)
    return Sequence((engine, keywords.get("optimizer", UNKNOWN), UNKNOWN, UNKNOWN))


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
