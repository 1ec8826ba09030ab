"""Calls in sight that return parameters or a state anew: what their callers have to keep."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .functional import APPLIED, INITIAL_STATE, NEXT_TRAIN_STATE, trace, traces
from .machine import Given, Machine, Renewal
from .things import Choice, Either, Function, Many, Mapping, Operation, Origin, Partial, Sequence, Tensor, Thing, Value
from .values import options
from .vocabulary import COPYING

_MOVING = frozenset({APPLIED, NEXT_TRAIN_STATE})
_MAX_DEPTH = 4


def record(
    m: Machine, node: ast.Call, callee: Value, begun: int, args: list[Value], keywords: dict[str, Value], value: Value
) -> None:
    """Note down which parts of what a call returns were moved in it: by the operations from `begun` on.

    A call that makes the state of its optimizer itself is no step, but a whole training.
    """
    moved: dict[Thing, Operation] = {}
    computed = m.operations[begun:]
    done = [one for one in computed if one.name in _MOVING and one.site.node is not node]
    for operation in done:
        held = operation.arguments.get("parameters")
        if isinstance(held, Thing):
            moved[held] = operation
    if not done or any(one.name == INITIAL_STATE for one in computed):
        return
    function, receiver = _function(callee)
    values: list[tuple[int | str, Value]] = [*enumerate(args), *keywords.items()]
    if receiver is not None:
        values.append(("", receiver))
    for path, mover in _places(value, moved, set(done), 0):
        base = mover.arguments["parameters" if mover.name == APPLIED else "state"]
        given = tuple(place for at, one in values for place in _held(m, one, base, (at,)))
        m.renewals.append(Renewal(m.site(node), path, mover, given, function))


def _held(m: Machine, value: Value, base: Value, at: Given) -> Iterator[Given]:
    """The places in an argument at which the base of a step, or what it is part of, is given."""
    if isinstance(value, Sequence) and len(at) <= _MAX_DEPTH:
        for index, item in enumerate(value.items):
            yield from _held(m, item, base, (*at, index))
    elif _is_part(m, value, base, len(at)):
        yield at


def _is_part(m: Machine, value: Value, base: Value, depth: int) -> bool:
    """What was moved, or any of what it may have been, is the argument or lies in it."""
    inside = list(_atoms(m, value, depth))
    places = {one for one in inside if isinstance(one, Operation)}
    things = [one for one in inside if isinstance(one, Thing) and not one.data]
    for one in _atoms(m, base, _MAX_DEPTH):
        if one in places or (isinstance(one, Thing) and any(one.within(thing) for thing in things)):
            return True
    return False


def _atoms(m: Machine, value: Value, depth: int) -> Iterator[Thing | Operation]:
    """The objects in a value, and the computations of the tensors in it."""
    if isinstance(value, Thing):
        yield value
        if value.cls is not None and depth <= _MAX_DEPTH:
            for field in value.cls.fields:
                held = m.store.get((value, field))
                if held is not None:
                    yield from _atoms(m, held, depth + 1)
    elif isinstance(value, Tensor):
        yield from _origins(value.origin)
    elif isinstance(value, Many):
        yield from _atoms(m, value.element, depth)
    elif isinstance(value, (Sequence, Choice)):
        for part in value.items if isinstance(value, Sequence) else value.options:
            yield from _atoms(m, part, depth)
    elif isinstance(value, Mapping):
        for _, part in value.items:
            yield from _atoms(m, part, depth)


def _origins(origin: Origin | None) -> Iterator[Thing | Operation]:
    if isinstance(origin, Either):
        for one in origin.options:
            yield from _origins(one)
    elif isinstance(origin, (Thing, Operation)):
        yield origin


def decorate(m: Machine, decorator: Value, function: Value) -> None:
    if traces(decorator):
        trace(m, function)


def _places(
    value: Value, moved: dict[Thing, Operation], done: set[Operation], depth: int
) -> Iterator[tuple[tuple[int, ...], Operation]]:
    """The places in a value that hold what was moved, each with what moved it."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, Sequence):
        for index, item in enumerate(value.items):
            for path, operation in _places(item, moved, done, depth + 1):
                yield (index, *path), operation
    elif isinstance(value, Mapping):
        for _, item in value.items:
            yield from (((), mover) for _, mover in _places(item, moved, done, depth + 1))
    elif isinstance(value, Choice):
        for option in value.options:
            yield from _places(option, moved, done, depth + 1)
    elif isinstance(value, Thing):
        mover = _mover(value, moved, done, depth)
        if mover is not None:
            yield (), mover


def _mover(thing: Thing, moved: dict[Thing, Operation], done: set[Operation], depth: int) -> Operation | None:
    """What moved an object, or one that it was built around."""
    if thing.made_by in done and thing.made_by is not None and thing.made_by.name in _MOVING:
        return thing.made_by
    if thing in moved and thing.cls is not None:
        return moved[thing]
    if depth > _MAX_DEPTH or not _is_built(thing):
        return None
    found = (_mover(held, moved, done, depth + 1) for held in sorted(thing.holds, key=lambda one: one.name))
    return next((one for one in found if one is not None), None)


def _is_built(thing: Thing) -> bool:
    """By the look of the call that returned it, it is an object made of what that call was given."""
    if thing.created_by is not None:
        return True
    if not isinstance(thing.node, ast.Call):
        return False
    function = thing.node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in COPYING or name[:1].isupper()


def _function(callee: Value) -> tuple[ast.AST | None, Value | None]:
    """The function in sight that is called, the first where it may be one of several, and what it is bound to."""
    for one in options(callee):
        while isinstance(one, Partial):
            one = one.function
        if isinstance(one, Function):
            return one.node, one.receiver
    return None, None
