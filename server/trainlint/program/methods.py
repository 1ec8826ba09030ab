"""Methods whose names mean something to training, on objects whose own code is out of sight."""

from __future__ import annotations

import ast
from dataclasses import replace

from . import (
    access,
    assignment,
    chains,
    compiled,
    configuration_files,
    differentiation,
    expressions,
    functional,
    in_place,
    lists,
    operations,
    parameters,
    unseen,
)
from . import options as command_line
from .effects import (
    Adjust,
    Clear,
    Clip,
    Extend,
    Fill,
    Freeze,
    Grow,
    Hook,
    Mode,
    Overwrite,
    Prepare,
    Renew,
    Rescale,
    SetRate,
    Unscale,
    Write,
)
from .frameworks.table import GROWING, HANDED_OUT, READING_METHODS, TENSOR_METHODS, TOGGLING, method_meaning, names_method
from .machine import Machine
from .naming import ACCELERATOR, SCALER, names_optimizer, suggests
from .things import (
    NONE,
    UNKNOWN,
    Constant,
    FileValue,
    Function,
    Generator,
    Gradient,
    Loaded,
    Many,
    Mapping,
    Method,
    Parameters,
    Plain,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from .training_methods import TOGGLED, call_backward, receiver_text, step, zero_grad
from .values import as_tensor, options, things_in
from .vocabulary import (
    CUTTING,
    INITIALISING,
    ITERATORS,
    LIST_GROWTH,
    MADE_ANEW,
    MODE_METHODS,
    NEW_TENSOR,
    OPTIONS,
    PARAMETER_LISTS,
    PARTS,
    REGISTERING,
    SAME_OBJECT,
    WRAPPING_METHODS,
    runs_on_gradients,
)


def call(m: Machine, node: ast.expr, callee: Method, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    """Call a method whose body is out of sight."""
    receiver, name = callee.receiver, callee.name
    for thing in things_in(receiver):
        thing.uses.add(name)
    if isinstance(receiver, Plain) and not any(True for value in (*args, *keywords.values()) for _ in things_in(value)):
        return receiver
    if isinstance(receiver, Tensor) and _given_optimizer((*args, *keywords.values())):
        return unseen.call(m, node, receiver, args, keywords, used, receiver=receiver)
    if isinstance(receiver, Thing) and command_line.is_method(receiver, name):
        read = command_line.method(m, node, receiver, name, args, keywords)
        if read is not None:
            return read
    if functional.is_method(m, receiver, name):
        by_value = functional.method(m, node, receiver, name, args, keywords, used)
        if by_value is not None:
            return by_value
    kind = None
    if isinstance(receiver, Thing) and names_method(name):
        kind = method_meaning(differentiation.role_of(receiver), name)
    if kind is not None and isinstance(receiver, Thing) and isinstance(node, ast.Call):
        if receiver.role is not Role.MODULE:
            return differentiation.method(m, node, receiver, kind, args, keywords, used)
        if compiled.belongs(receiver):
            return compiled.method(m, node, receiver, kind, args, keywords)
    compiled.told(m, node, receiver, name, keywords)
    if name == "zero_grad":
        return zero_grad(m, node, receiver)
    if name == "step":
        return step(m, node, receiver, args, keywords)
    if name in ("backward", "manual_backward"):
        return call_backward(m, node, receiver, args, keywords, name)
    if isinstance(receiver, Gradient):
        return _on_gradient(m, node, receiver, name, args)
    if runs_on_gradients(name):
        m.emit_effect(Hook, node, parameters.of(receiver))
        m.lose_sight(node, "a hook acts on every gradient as it arrives")
        return UNKNOWN
    if isinstance(receiver, FileValue):
        return configuration_files.path_method(receiver, name, args)
    if isinstance(receiver, Loaded):
        return configuration_files.method(m, receiver, name, args)
    if isinstance(receiver, (Sequence, Many, Mapping, Constant)):
        return _on_collection(m, node, receiver, name, args, keywords)
    if name in in_place.FILLING and isinstance(receiver, (Parameters, Tensor, Thing)):
        m.emit_effect(Fill, node, in_place.filled(receiver), in_place.filling(name, args))
    if isinstance(receiver, Parameters):
        if name.endswith("_") and name not in ("requires_grad_", "detach_"):
            in_place.written(receiver)
        if name == "requires_grad_":
            m.emit_effect(Freeze, node, receiver.kept, _flag(args, keywords))
            return replace(receiver.kept, opaque=True, detached=False) if receiver.detached else receiver.kept
        if name == "update":
            m.emit_effect(SetRate, node, tuple(receiver.owners))
        if name in LIST_GROWTH and args:
            m.emit_effect(Extend, node, tuple(receiver.owners), parameters.of(args[-1]))
        if name in CUTTING:
            return Tensor(origin=operations.compute(m, node, name, (receiver, *args), keywords, cuts=True))
        return receiver.kept
    if isinstance(receiver, Tensor) and name in PARAMETER_LISTS:
        return Parameters(receiver.sources, opaque=True, generator=Generator(node, m.turns) if name in ITERATORS else None)
    if isinstance(receiver, Tensor):
        if name == "requires_grad_" and _flag(args, keywords) is not False:
            in_place.made_leaf(node, receiver)
        done = operations.compute(m, node, name, (receiver, *args), keywords, cuts=name in CUTTING)
        if name == "detach_":
            return in_place.detached(m, node, receiver, Tensor(loss=receiver.loss, origin=done))
        if name.endswith("_") and name not in ("requires_grad_", "detach_"):
            in_place.stored(m, receiver, (*args, *keywords.values()))
        return operations.computed(m, receiver, done)
    return _on_object(m, node, receiver, name, args, keywords, used)


def _given_optimizer(values: tuple[Value, ...]) -> bool:
    """No tensor has a method that takes an optimizer: whoever has is an object out of sight."""
    return any(thing.role is Role.OPTIMIZER or names_optimizer(thing.name) for value in values for thing in things_in(value))


_VIEWS_OF_GRADIENTS = frozenset({"numpy", "view", "reshape", "flatten", "ravel", "squeeze", "unsqueeze", "detach"})
"""Methods whose result shares its memory with the gradient: what is stored into it changes the gradient."""


def _on_gradient(m: Machine, node: ast.expr, receiver: Gradient, name: str, args: list[Value]) -> Value:
    if name == "zero_" or (name in ("fill_", "mul_") and args and args[0] in (Constant(0), Constant(0.0))):
        m.emit_effect(Clear, node, (), receiver.of, "")
    elif name in ("copy_", "add_", "set_", "fill_"):
        m.emit_effect(Write, node, receiver.of)
    elif name in ("detach_", "requires_grad_"):
        return receiver
    elif name.endswith("_"):
        m.emit_effect(Adjust, node, receiver.of)
        return receiver
    elif name in _VIEWS_OF_GRADIENTS:
        expressions.consume(m, node, receiver)
        return receiver
    elif name not in MADE_ANEW:
        read = expressions.consume(m, node, receiver)
        return Tensor(origin=operations.compute(m, node, name, (read, *args)))
    return Tensor()


def _on_collection(
    m: Machine, node: ast.expr, receiver: Value, name: str, args: list[Value], keywords: dict[str, Value]
) -> Value:
    if isinstance(receiver, Sequence) and name in LIST_GROWTH and args and isinstance(node, ast.Call):
        lists.grown(m, node, receiver, name, args)
        return NONE
    if isinstance(receiver, Sequence) and name in lists.CHANGING and isinstance(node, ast.Call):
        return lists.changed(m, node, receiver, name, args)
    if isinstance(receiver, Many):
        if name in LIST_GROWTH:
            return NONE
        if name in ("values", "copy"):
            return receiver
        if name == "items":
            return Many(Sequence((UNKNOWN, receiver.element)))
        if name in ("get", "pop"):
            return receiver.element
    if isinstance(receiver, Mapping):
        if name == "values":
            return receiver.values()
        if name in ("get", "pop") and args:
            return access.item(m, receiver, args[0])
        if name == "update" and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assignment.updated(m, node.func.value, receiver, args, keywords)
            return NONE
        if name == "items":
            return receiver.pairs()
    return UNKNOWN


def _on_object(
    m: Machine, node: ast.expr, receiver: Value, name: str, args: list[Value], keywords: dict[str, Value], used: bool
) -> Value:
    things = tuple(option for option in options(receiver) if isinstance(option, Thing))
    if name in PARAMETER_LISTS:
        made = Generator(node, m.turns) if name in ITERATORS else None
        return Parameters(frozenset(things), opaque=not things, generator=made)
    if name in MODE_METHODS and things:
        m.emit_effect(Mode, node, things, _flag(args, keywords) if name == "train" else False)
    elif name == "requires_grad_" and things:
        m.emit_effect(Freeze, node, Parameters(frozenset(things)), _flag(args, keywords))
        if _flag(args, keywords) is not False:
            in_place.made_leaf(node, receiver)
    if name.endswith("_") and name != "requires_grad_":
        in_place.stored(m, receiver, (*args, *keywords.values()))
        if (name in in_place.FILLING or name[:-1] in TENSOR_METHODS) and not used:
            return receiver
    if name in NEW_TENSOR and things and all(thing.role is Role.LEAF for thing in things):
        given = as_tensor(receiver)
        return operations.computed(m, given, operations.compute(m, node, name, (receiver, *args), keywords))
    if name in INITIALISING or (name == "apply" and args and _initialises(m, args[0])):
        m.emit_effect(Overwrite, node, things, None)
    if name in SAME_OBJECT:
        return receiver
    if name in REGISTERING and args and isinstance(receiver, Thing):
        key = args[0].value if isinstance(args[0], Constant) else None
        value = args[1] if len(args) > 1 else UNKNOWN
        if isinstance(key, str):
            assignment.set_attribute(m, node, receiver, key, value)
        else:
            m.record_binding(receiver, None, node, value)
        return NONE
    if name in CUTTING:
        cut = Tensor(origin=operations.compute(m, node, name, (receiver, *args), keywords, cuts=True))
        return in_place.detached(m, node, receiver, cut) if name == "detach_" else cut
    if name == "unscale_":
        through = things[0] if len(things) == 1 else None
        m.emit_effect(Unscale, node, tuple(things_in(args[0])) if args else (), receiver_text(node), through)
        return NONE
    if name == "update" and any(thing.role is Role.SCALER or suggests(thing.name, SCALER) for thing in things):
        m.emit_effect(Rescale, node, receiver_text(node), things[0] if len(things) == 1 else None)
        return NONE
    if name in WRAPPING_METHODS:
        if len(things) == 1 and _is_accelerator(things[0]):
            prepared = tuple(thing for value in (*args, *keywords.values()) for thing in things_in(value))
            m.emit_effect(Prepare, node, things[0], prepared)
        return _prepared(m, node, args)
    if name in ("clip_grad_norm_", "clip_gradients", "clip_grad_value_"):
        limit = args[1] if len(args) > 1 else keywords.get("max_norm", keywords.get("clip_value", UNKNOWN))
        m.emit_effect(Clip, node, parameters.of(args[0]) if args else Parameters(frozenset(things)), limit, used)
        return UNKNOWN
    if name == "scale":
        return _scale(m, node, things, args)
    if name == "add_param_group":
        added = parameters.of(args[0] if args else UNKNOWN)
        parameters.exhaust(m, node, args[0] if args else UNKNOWN)
        m.emit_effect(Extend, node, things, added)
        for thing in things:
            if thing.parameters is not None:
                thing.parameters = Parameters.union((thing.parameters, added))
        return NONE
    if name in GROWING and things:
        m.emit_effect(Grow, node, things, GROWING[name])
        return UNKNOWN
    if name == "load_state_dict":
        m.emit_effect(SetRate, node, things)
        m.emit_effect(Overwrite, node, things, args[0] if args else keywords.get("state_dict", UNKNOWN))
        if keywords.get("assign") == Constant(True):
            m.emit_effect(Renew, node, things)
        return UNKNOWN
    if name in TOGGLING and isinstance(receiver, Thing):
        m.store.set((receiver, TOGGLED), args[0] if args and TOGGLING[name] else NONE)
        return NONE
    if name in HANDED_OUT:
        handed = m.store.get((receiver, f"{name}()")) if isinstance(receiver, Thing) else None
        return handed if handed is not None else m.thing(node, "result", role=None)
    if name == "pop":
        chains.alter(m, receiver)
    if name in ("get", "pop", "values", "items", "keys"):
        return access.taken(m, node, receiver, m.part(receiver, "[]")) if isinstance(receiver, Thing) else UNKNOWN
    if name == "state_dict" and isinstance(receiver, Thing) and receiver.role is Role.OPTIMIZER:
        return Tensor(origin=operations.compute(m, node, name, (receiver, *args), keywords, cuts=True))
    if name == "state_dict" and isinstance(receiver, Thing) and receiver.role is Role.MODULE:
        return Many(Tensor(origin=operations.compute(m, node, name, (receiver, *args), keywords, cuts=True)))
    if name in PARTS and isinstance(receiver, Thing) and receiver.role is Role.MODULE:
        part = m.part(receiver, "[]")
        part.role = part.role or Role.MODULE
        return Many(Sequence((UNKNOWN, part))) if name.startswith("named_") else Many(part)
    if name in READING_METHODS:
        return UNKNOWN
    if name in ("append", "extend") and not any(unseen.may_train(m, value) for value in (*args, *keywords.values())):
        for value in args:
            m.hand_out(value)
        return NONE
    if name in OPTIONS:
        told = m.thing(node, "result")
        told.data = True
        return Sequence((told, UNKNOWN)) if name == "parse_known_args" else told
    if name in TENSOR_METHODS and isinstance(receiver, Thing) and receiver.role is Role.LEAF:
        done = operations.compute(m, node, name, (receiver, *args), keywords)
        return operations.computed(m, as_tensor(receiver), done)
    if name in LIST_GROWTH and things and all(thing.role is Role.MODULE for thing in things):
        for thing in things:
            thing.holds |= frozenset(held for value in args for held in things_in(value))
            chains.grow(m, thing, args)
        return NONE
    if name in TENSOR_METHODS and isinstance(receiver, Thing) and receiver.role is None:
        result = unseen.result_of(m, node, (receiver, *args, *keywords.values()))
        result.data = receiver.data
        result.made_by = operations.compute(m, node, name, (receiver, *args), keywords)
        return result
    result = unseen.call(m, node, receiver, args, keywords, used, receiver=receiver)
    result.made_by = operations.compute(m, node, f".{name}", (receiver, *args), keywords)
    return result


def _scale(m: Machine, node: ast.expr, things: tuple[Thing, ...], args: list[Value]) -> Value:
    """What a gradient scaler makes of a loss; of other objects with such a method, what they were given."""
    given = args[0] if args else UNKNOWN
    if len(things) != 1 or len(args) != 1 or not isinstance(given, (Tensor, Thing)):
        return given
    if things[0].role is not Role.SCALER and not suggests(things[0].name, SCALER):
        return given
    done = operations.compute(m, node, "scale", args)
    done.arguments["scaler"] = things[0]
    return as_tensor(given).by(done)


def _initialises(m: Machine, function: Value) -> bool:
    """A function in sight that draws new first values."""
    return isinstance(function, Function) and not INITIALISING.isdisjoint(m.index.functions[function.node].words)


def _flag(args: list[Value], keywords: dict[str, Value]) -> bool | None:
    """The first argument of a switch such as `train(mode=True)`; None where it is out of sight."""
    given = args[0] if args else next(iter(keywords.values()), Constant(True))
    return bool(given.value) if isinstance(given, Constant) else None


def _is_accelerator(thing: Thing) -> bool:
    return thing.role is Role.ACCELERATOR or (thing.role is None and suggests(thing.name.rpartition(".")[2], ACCELERATOR))


def _prepared(m: Machine, node: ast.expr, args: list[Value]) -> Value:
    """What an accelerator returns: an object for an object, as many as it is given; of a list spread out, a list."""
    spread = isinstance(node, ast.Call) and any(isinstance(argument, ast.Starred) for argument in node.args)
    if not args:
        return m.thing(node, "result")
    return Sequence(tuple(args)) if len(args) > 1 or (spread and not isinstance(args[0], Many)) else args[0]
