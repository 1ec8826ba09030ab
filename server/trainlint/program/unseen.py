"""Calls whose body is out of sight: what they return, and what they may do."""

from __future__ import annotations

import ast

from . import assignment, configuration_files, parameters
from .effects import Adjust, Rebind, SetRate, Unseen
from .machine import Machine
from .names import text_of
from .naming import (
    ACTING,
    CLIPPING,
    DRAWING,
    GIVING,
    GRADIENT,
    INFERRING,
    LOSS,
    QUALIFYING,
    READING_RECEIVERS,
    READING_VERBS,
    does_beside,
    names_optimizer,
    suggests,
)
from .things import External, Mapping, Parameters, Role, Tensor, Thing, Value
from .values import as_tensor, mix, things_in
from .vocabulary import RETURNED


def call(
    m: Machine,
    node: ast.expr,
    callee: Value,
    args: list[Value],
    keywords: dict[str, Value],
    used: bool,
    receiver: Value | None = None,
) -> Thing:
    """A call whose body is out of sight: it may do what its arguments allow."""
    values = (*args, *keywords.values())
    given = mix(values)
    things = [thing for value in values for thing in things_in(value)]
    result = _result(m, node, given, things)
    result.carries |= models_in(receiver)
    owned = [value for value in values if isinstance(value, Parameters)]
    for collection in owned:
        parameters.exhaust(m, node, collection, sure=False)
    if owned:
        result.parameters = Parameters.union(owned)
    label = text_of(node.func) if isinstance(node, ast.Call) else ""
    only_reads = _only_reads(label)
    if not used and not only_reads:
        for value in values:
            configuration_files.change(m, value)
        for written in node.args if isinstance(node, ast.Call) else ():
            table = m.lookup(written.id) if isinstance(written, ast.Name) else None
            if isinstance(table, Mapping):
                assignment.bind(m, written, assignment.changed(table))
    for value in values:
        m.hand_out(value)
    for thing in things:
        thing.uses.add("passed")
    handed = tuple(thing for thing in things if thing.role in (Role.OPTIMIZER, None) and not thing.data)
    if handed:
        m.emit_effect(SetRate, node, handed)
    if values and _clips(m, label, things):
        m.emit_effect(Adjust, node, parameters.of(values[0]))
    elif not only_reads and not (used and _only_computes(m, callee, label, things)):
        concerned = [*things, *things_in(receiver)] if receiver is not None else things
        touches = frozenset(thing for thing in concerned if not thing.data and thing.role is not Role.LOSS_FUNCTION)
        loss = given if given.loss or not used else Tensor()
        harmless = used and (not m.grad_enabled or _inside_inference(m))
        if harmless and not any(_may_apply(m, thing) for thing in touches):
            touches, loss = frozenset(), Tensor()
        if touches or loss.sources or loss.opaque:
            m.emit_effect(Unseen, node, touches, loss, not used, label)
    m.emit_effect(Rebind, node, result)
    return result


def models_in(receiver: Value | None) -> frozenset[Thing]:
    """What a method may compute with though nobody hands it over: the model it belongs to."""
    found = things_in(receiver) if receiver is not None else ()
    return frozenset(thing for thing in found if thing.role in (Role.MODULE, Role.INSTANCE))


def result_of(m: Machine, node: ast.AST, values: tuple[Value, ...]) -> Thing:
    """What a call whose body is not looked at returns: it may be made of, or hold, whatever it was given."""
    return _result(m, node, mix(values), [thing for value in values for thing in things_in(value)])


def _result(m: Machine, node: ast.AST, given: Tensor, things: list[Thing]) -> Thing:
    result = m.thing(node, "result")
    result.carries = given.sources.union(thing for thing in things if not thing.data)
    result.opaque = given.opaque
    if m.contexts:
        result.tapes = m.tapes
    if things:
        result.holds |= frozenset(things)
    return result


def is_shown(m: Machine) -> bool:
    """What is evaluated goes to a function that draws or logs it."""
    around = m.receivers
    while around is not None:
        function, around = around
        if shows(function):
            return True
    return False


def shows(function: ast.expr) -> bool:
    """By its words, a function that draws or logs what it is given."""
    receiver = function.value if isinstance(function, ast.Attribute) else None
    last = receiver.attr if isinstance(receiver, ast.Attribute) else receiver.id if isinstance(receiver, ast.Name) else ""
    own = function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    return suggests(own, DRAWING) or suggests(last, DRAWING)


def _may_apply(m: Machine, thing: Thing) -> bool:
    """It is or holds an optimizer, as far as anyone can see."""
    if thing.role is not Role.INSTANCE or names_optimizer(thing.name):
        return thing.role in (Role.OPTIMIZER, Role.ENGINE) or names_optimizer(thing.name)
    if not thing.in_sight:
        return True
    held = (one for one in m.things.values() if one.role in (Role.OPTIMIZER, Role.ENGINE) or names_optimizer(one.name))
    return any(one.within(thing) or thing in one.owners or one in thing.holds for one in held)


def may_train(m: Machine, value: Value) -> bool:
    """It is, or holds, what a call can train or train with: a model, an optimizer, their parameters."""
    trained = (Role.MODULE, Role.LEAF, Role.INSTANCE)
    return isinstance(value, Parameters) or any(one.role in trained or _may_apply(m, one) for one in things_in(value))


def _inside_inference(m: Machine) -> bool:
    """It happens in a function that is called to show what a model has learnt, by its words."""
    names = [node.name for node in m.stack[1:] if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return any(suggests(name, INFERRING) and not suggests(name, ACTING) for name in names)


def _only_computes(m: Machine, callee: Value, label: str, things: list[Thing]) -> bool:
    """By its words, a call that computes a loss or builds an object and leaves the rest to its caller, who keeps the optimizers
    to himself."""
    last = label.rpartition(".")[2]
    builds = isinstance(callee, External) and last[:1].isupper()
    acting = ACTING - QUALIFYING if suggests(last.rpartition("_")[2], LOSS) else ACTING
    if suggests(last, acting) or not (builds or suggests(last, LOSS | GIVING)):
        return False
    return not any(_may_apply(m, thing) for thing in things)


def _clips(m: Machine, label: str, things: list[Thing]) -> bool:
    """By its words, a call that clips the gradients of the model it is given, and no more: no optimizer is there to step."""
    last = label.rpartition(".")[2]
    return suggests(last, CLIPPING) and suggests(last, GRADIENT) and not any(_may_apply(m, thing) for thing in things)


def _only_reads(label: str) -> bool:
    """By its words, a call that looks at things: `save_checkpoint`, `logger.info`."""
    head, _, last = label.rpartition(".")
    looks = suggests(last, READING_VERBS) and not does_beside(last, ACTING, READING_VERBS)
    return looks or (bool(head) and suggests(head.rpartition(".")[2], READING_RECEIVERS))


def escape(m: Machine, node: ast.AST, value: Value, whither: str) -> None:
    """`value` is handed to code out of sight that runs at a time of its own."""
    m.hand_out(value)
    touched = frozenset(things_in(value))
    for thing in touched:
        thing.escaped = True
        thing.uses.add(RETURNED)
    m.lose_sight(node, f"control passes to {whither}")
    m.emit_effect(Unseen, node, touched, as_tensor(value), True, whither)
