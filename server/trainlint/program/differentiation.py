"""Gradients as values: taken by a tape or a call, and applied by an optimizer that is given them."""

from __future__ import annotations

import ast

from . import calls, operations, parameters, unseen
from .effects import Apply, Differentiate, Step
from .frameworks.table import Meaning, lists_parameters
from .machine import Machine
from .names import text_of
from .naming import TAPE, names_optimizer, suggests
from .things import (
    NONE,
    UNKNOWN,
    External,
    Function,
    Gradient,
    Many,
    Operation,
    Parameters,
    Partial,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from .values import as_tensor, mix, options

# As the function of a partial: the tape that it is given pauses in this context.
PAUSE = External("pause")
# The operation that gives gradients, whatever library computes them.
GRADIENT = "gradient"
# Among its arguments: all that computes the loss is recorded, without a tape.
WHOLE = "whole"


def role_of(thing: Thing) -> Role | None:
    """Its role, or that which its name suggests where it comes from out of sight."""
    if thing.role is not None or thing.cls is not None or thing.made_by is not None:
        return thing.role
    if suggests(thing.name.rpartition(".")[2], TAPE):
        return Role.TAPE
    return Role.OPTIMIZER if names_optimizer(thing.name) else None


def method(
    m: Machine, node: ast.Call, receiver: Thing, kind: Meaning, args: list[Value], keywords: dict[str, Value], used: bool
) -> Value:
    """Call a method of a tape or of an optimizer that is given gradients."""
    if kind is Meaning.DIFFERENTIATE:
        loss = args[0] if args else keywords.get("target", UNKNOWN)
        by = args[1] if len(args) > 1 else keywords.get("sources", UNKNOWN)
        return differentiate(m, node, loss, by, receiver)
    if kind is Meaning.PAUSE:
        return Partial(PAUSE, (receiver,), ())
    if kind is Meaning.READ:
        return NONE
    if kind is Meaning.WRAP_FIRST:
        return _scaled(m, node, args)
    if kind is Meaning.APPLY_PAIRS:
        given = args[0] if args else keywords.get("grads_and_vars", UNKNOWN)
        gradients, moved = pairs(given)
        return _apply(m, node, receiver, gradients, parameters.of(moved))
    if kind is Meaning.APPLY and (args or "grads" in keywords):
        second = args[1] if len(args) > 1 else keywords.get("trainable_variables")
        known = parameters.of(second) if second is not None else receiver.parameters or Parameters(opaque=True)
        return _apply(m, node, receiver, args[0] if args else keywords["grads"], known)
    if kind is Meaning.MINIMIZE:
        return _minimize(m, node, receiver, args, keywords, used)
    return unseen.call(m, node, receiver, args, keywords, used, receiver=receiver)


def _scaled(m: Machine, node: ast.Call, args: list[Value]) -> Value:
    """A loss or gradients, multiplied by a number."""
    if not args or not isinstance(node.func, ast.Attribute):
        return UNKNOWN
    return operations.computed(m, mix((args[0],)), m.operation(node, node.func.attr, (args[0],)))


def differentiate(m: Machine, node: ast.AST, loss: Value, by: Value, tape: Thing | None, *, whole: bool = False) -> Tensor:
    """The gradients of `loss` by `by`: one value that stands for all of them. `whole`: everything is recorded."""
    if isinstance(by, Thing) and by.parent is not None and lists_parameters(by.name.rpartition(".")[2], ""):
        by = Parameters(frozenset({by.parent}))
    arguments = {"loss": loss, "by": by} | ({"tape": tape} if tape is not None else {WHOLE: NONE} if whole else {})
    done = m.operation(node, GRADIENT, (loss,), arguments)
    m.emit_effect(Differentiate, node, done)
    return operations.computed(m, mix((as_tensor(loss),)), done)


def pairs(value: Value) -> tuple[Value, Value]:
    """The gradients and the parameters in what a `zip` of both gives, or in a collection of pairs."""
    if isinstance(value, Many):
        return pairs_of([value.element])
    if isinstance(value, Sequence):
        if len(value.items) == 2 and not all(isinstance(item, Sequence) and len(item.items) == 2 for item in value.items):
            return value.items[0], value.items[1]
        return pairs_of(list(value.items))
    return value, UNKNOWN


def pairs_of(items: list[Value]) -> tuple[Value, Value]:
    known = [item.items for item in items if isinstance(item, Sequence) and len(item.items) == 2]
    if len(known) != len(items) or not known:
        return Sequence(tuple(items)), UNKNOWN
    return Sequence(tuple(one for one, _ in known)), Sequence(tuple(other for _, other in known))


def _apply(m: Machine, node: ast.Call, receiver: Thing, gradients: Value, moved: Parameters) -> Value:
    text = text_of(node.func.value) if isinstance(node.func, ast.Attribute) else receiver.name
    optimizers = tuple(one for one in options(receiver) if isinstance(one, Thing))
    if _left_by_a_backward(gradients):
        for one in optimizers:
            one.parameters = one.parameters or moved
            one.role = one.role or Role.OPTIMIZER
        models = [owner.name for owner in moved.owners]
        m.emit_effect(Step, node, optimizers, models[0] if len(models) == 1 else text, False, None, None, None, None, True)
    else:
        m.emit_effect(Apply, node, optimizers, gradients, moved, text)
    return UNKNOWN


def _left_by_a_backward(gradients: Value) -> bool:
    """They are not computed as values but read where a backward left them: the model clears them, not the optimizer."""
    items = (gradients.element,) if isinstance(gradients, Many) else getattr(gradients, "items", (gradients,))
    return bool(items) and all(isinstance(item, Gradient) for item in items)


def _minimize(m: Machine, node: ast.Call, receiver: Thing, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    """A loss and the parameters it is minimised by: a function that computes it, or one that a tape recorded."""
    given = args[0] if args else keywords.get("loss", UNKNOWN)
    by = args[1] if len(args) > 1 else keywords.get("var_list", UNKNOWN)
    tape = keywords.get("tape")
    whole = isinstance(given, Function)
    if whole:
        loss = calls.apply(m, node, given, [], {}, used=True)
    elif isinstance(tape, Thing):
        loss = given
    else:
        return unseen.call(m, node, receiver, args, keywords, used, receiver=receiver)
    gradients = differentiate(m, node, loss, by, tape if isinstance(tape, Thing) else None, whole=whole)
    return _apply(m, node, receiver, gradients, parameters.of(by) if by != UNKNOWN else Parameters(opaque=True))


def operations_of(value: Value, depth: int = 4) -> list[Operation]:
    """The operations that the tensors in `value` come from."""
    found: list[Operation] = []
    for option in options(value):
        if isinstance(option, Tensor) and isinstance(option.origin, Operation):
            found.append(option.origin)
        elif isinstance(option, Sequence) and depth:
            found += [one for item in option.items for one in operations_of(item, depth - 1)]
        elif isinstance(option, Many) and depth:
            found += operations_of(option.element, depth - 1)
    return found
