"""Methods that train: backward, step and zero_grad, on objects whose own code is out of sight."""

from __future__ import annotations

import ast

from . import (
    calls,
    expressions,
    unseen,
)
from .effects import (
    Backward,
    Block,
    Clear,
    Closure,
    Loop,
    Misstep,
    Schedule,
    Step,
    Unseen,
)
from .machine import Machine
from .names import text_of
from .naming import SCALER, names_optimizer, names_scheduler, suggests
from .things import (
    NONE,
    UNKNOWN,
    Function,
    Many,
    Mapping,
    Operation,
    Parameters,
    Partial,
    Role,
    Sequence,
    Tensor,
    Thing,
    Unknown,
    Value,
)
from .values import as_tensor, options, things_in

# The optimizer whose parameters alone get gradients.
TOGGLED = "[toggled]"


def backward(
    m: Machine,
    node: ast.AST,
    loss: Tensor,
    text: str,
    scaler: str | None,
    given: dict[str, Value] | None = None,
    through: Thing | None = None,
) -> None:
    scaling = scaled(loss)
    scaled_by = scaling.arguments.get("scaler") if scaling is not None else None
    if scaling is not None and scaler is None and isinstance(scaling.site.node, ast.Call):
        scaler = receiver_text(scaling.site.node)
    toggled = m.store.get((through, TOGGLED)) if through is not None else None
    only = (toggled,) if isinstance(toggled, Thing) else ()
    m.emit_effect(Backward, node, loss, text, scaler, given or {}, m.contexts, scaled_by, None, through, only)


def scaled(loss: Tensor, depth: int = 6) -> Operation | None:
    """The multiplication by a gradient scaler that `loss` has been through, perhaps divided or summed since."""
    operation = loss.origin
    if not isinstance(operation, Operation) or depth == 0:
        return None
    if operation.name == "scale" and "scaler" in operation.arguments:
        return operation
    behind = (scaled(value, depth - 1) for value in operation.inputs if isinstance(value, Tensor))
    return next((found for found in behind if found is not None), None)


def zero_grad(m: Machine, node: ast.expr, receiver: Value) -> Value:
    holders = tuple(option for option in options(receiver) if isinstance(option, Thing))
    text = receiver_text(node)
    if isinstance(receiver, Sequence):
        for item in receiver.items:
            m.emit_effect(Clear, node, tuple(things_in(item)), None, text)
        return NONE
    m.emit_effect(Clear, node, holders, None if holders else Parameters(opaque=True), text)
    return NONE


def anybody(m: Machine, node: ast.expr, text: str) -> Thing:
    """Whatever a value out of sight is: perhaps one of the optimizers in sight."""
    return m.thing(node, "anybody", name="" if names_optimizer(text) else text)


def _optimizers_in(value: Value) -> tuple[Thing, ...]:
    """Those that a collection holds, which is stepped as if it were one of them: what it was made into is out of sight."""
    if not isinstance(value, (Sequence, Many, Mapping)):
        return ()
    return tuple(dict.fromkeys(thing for thing in things_in(value) if thing.role is Role.OPTIMIZER))


def step(m: Machine, node: ast.expr, receiver: Value, args: list[Value], keywords: dict[str, Value]) -> Value:
    text = receiver_text(node)
    things = tuple(option for option in options(receiver) if isinstance(option, Thing)) or _optimizers_in(receiver)
    if not things and (isinstance(receiver, (Unknown, Sequence, Many, Mapping)) or receiver == NONE):
        things = (anybody(m, node, text),)
    if not things:
        return UNKNOWN
    first = args[0] if args else keywords.get("closure")
    if any(map(_is_scheduler, things)) and not any(map(_is_optimizer, things)):
        m.emit_effect(Schedule, node, things, first or next(iter(keywords.values()), None), text)
        return UNKNOWN
    if first is None or first == NONE:
        m.emit_effect(Step, node, things, text, False, *m.stepped_through)
        return UNKNOWN
    closure = first.function if isinstance(first, Partial) else first
    if isinstance(closure, Function):
        outer = m.block
        m.block = Block()
        value = calls.apply(m, node, first, [], {}, used=True)
        body, m.block = m.block, outer
        m.emit(Loop(node, body, Block(), skippable=False, repeats=False))
        m.emit_effect(Step, node, things, text, False, None, None, Closure(closure.node, body, value))
        return value
    given = tuple(option for option in options(first) if isinstance(option, Thing)) or _optimizers_in(first)
    scaling = any(thing.role is Role.SCALER or suggests(thing.name, SCALER) for thing in things)
    if given and (scaling or any(thing.role is Role.OPTIMIZER or names_optimizer(thing.name) for thing in given)):
        through = (text, things[0] if len(things) == 1 else None)
        wrapper = given[0] if len(given) == 1 and calls.in_sight_method(given[0], "step") else None
        if wrapper is not None:
            around, m.stepped_through = m.stepped_through, through
            result = calls.invoke(m, node, wrapper, "step")
            m.stepped_through = around
            return result
        for thing in given:
            thing.uses.add("step")
        written = text_of(node.args[0]) if isinstance(node, ast.Call) and node.args else ""
        m.emit_effect(Step, node, given, written, False, *through)
        return UNKNOWN
    if isinstance(first, Tensor) and all(thing.role is Role.OPTIMIZER for thing in things):
        m.emit_effect(Misstep, node, things, text)
    for thing in things:
        thing.uses.discard("step")
    if any(thing.role is Role.OPTIMIZER or names_optimizer(thing.name) for thing in things):
        m.emit_effect(Unseen, node, frozenset(things), as_tensor(first), True, f"{text}.step")
    return unseen.result_of(m, node, (*args, *keywords.values()))


def _is_scheduler(thing: Thing) -> bool:
    return thing.role is Role.SCHEDULER or (thing.role is None and names_scheduler(thing.name))


def _is_optimizer(thing: Thing) -> bool:
    return thing.role is Role.OPTIMIZER or (thing.role is None and not names_scheduler(thing.name))


def call_backward(m: Machine, node: ast.expr, receiver: Value, args: list[Value], keywords: dict[str, Value], name: str) -> Value:
    assert isinstance(node, ast.Call)
    first = args[0] if args else keywords.get("loss")
    if isinstance(receiver, Thing) and first is not None:
        loss = as_tensor(first)
        engine = receiver.role in (Role.ACCELERATOR, Role.ENGINE) or name == "manual_backward"
        if engine or loss.loss or (loss.sources and not receiver.carries):
            receiver.uses.discard("backward")
            receiver.uses.add("backward(loss)")
            written = node.args[0] if node.args else node.keywords[0].value
            backward(m, node, loss, text_of(written), None, keywords, receiver)
            return UNKNOWN
    scaler = None
    written = node.func.value if isinstance(node.func, ast.Attribute) else node
    if (
        isinstance(written, ast.Call)
        and isinstance(written.func, ast.Attribute)
        and written.func.attr == "scale"
        and len(written.args) == 1
        and not _is_engine(m, written.func.value)
    ):
        scaler, written = text_of(written.func.value), written.args[0]
    given = dict(zip(("gradient", "retain_graph", "create_graph", "inputs"), args, strict=False)) | keywords
    backward(m, node, as_tensor(receiver), text_of(written), scaler, given)
    return UNKNOWN


def _is_engine(m: Machine, node: ast.expr) -> bool:
    """It scales losses, and steps by itself: no gradient scaler beside an optimizer."""
    value = expressions.evaluate(m, node) if isinstance(node, (ast.Name, ast.Attribute)) else UNKNOWN
    return isinstance(value, Thing) and value.role is Role.ENGINE


def receiver_text(node: ast.expr) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return text_of(node.func.value)
    return ""
