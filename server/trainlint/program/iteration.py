"""What a loop runs over: data, parameters, a known collection, or numbers."""

from __future__ import annotations

import ast
from dataclasses import replace

from ..immutable import value_class
from . import access, expressions, operations, parameters
from .machine import Machine
from .things import (
    UNKNOWN,
    Choice,
    Constant,
    Counter,
    External,
    Function,
    Gradient,
    Many,
    Mapping,
    Parameters,
    Partial,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from .values import as_tensor, join, things_in


@value_class
class Track:
    """One iterable. `element` is what each turn gets.

    `every`: one turn in the model stands for a turn over each member (parameters, optimizers).
    `items`: the members, where they are all known. `runs`: how often, where that is known.
    `counter` and `start`: the number that counts the turns. `over`: the iterable itself, or the call of `range`.
    """

    element: Value
    every: bool = False
    items: Sequence | None = None
    runs: int | None = None
    counter: str | None = None
    start: int | None = 0
    over: Value = UNKNOWN

    def turned(self) -> Track:
        """From the last to the first."""
        return replace(self, items=self.items.turned()) if self.items is not None else self


def iterate(m: Machine, node: ast.expr) -> Track:
    """The track of the iterable that `node` is. Its effects are emitted."""
    if isinstance(node, ast.Call) and node.args and not isinstance(node.args[0], ast.Starred):
        track = _wrapped(m, node)
        if track is not None:
            return track
    return _over(m, node, expressions.evaluate(m, node))


def _wrapped(m: Machine, node: ast.Call) -> Track | None:
    if isinstance(node.func, ast.Attribute):
        holder = None
        if node.func.attr == "items":
            holder = expressions.evaluate(m, node.func.value)
        if isinstance(holder, Mapping):
            return _over(m, node, holder.pairs())
        function = expressions.evaluate(m, node.func)
    else:
        function = expressions.evaluate(m, node.func)
    if not isinstance(function, External):
        return None
    name = function.name.rpartition(".")[2]
    if function.name == "builtins.range" or name in ("trange",):
        return _range(m, node)
    if function.name == "builtins.enumerate":
        return _enumerate(m, node)
    if function.name == "builtins.zip":
        return _zip(m, node)
    if function.name in ("builtins.list", "builtins.tuple", "builtins.reversed", "builtins.iter", "builtins.sorted") or (
        name in ("tqdm", "track", "prange", "islice", "notebook_tqdm", "ProgressBar") or "tqdm" in function.name
    ):
        for extra in (*node.args[1:], *(keyword.value for keyword in node.keywords)):
            expressions.evaluate(m, extra)
        track = iterate(m, node.args[0])
        return track.turned() if function.name == "builtins.reversed" else track
    return None


def _range(m: Machine, node: ast.Call) -> Track:
    values = [expressions.evaluate(m, argument) for argument in node.args]
    numbers = [value.value if isinstance(value, Constant) and isinstance(value.value, int) else None for value in values]
    counter = f"#{id(node)}"
    over = Partial(External("builtins.range"), tuple(values), ())
    if len(values) >= 3 and numbers[2] != 1:
        return Track(Counter(counter), counter=counter, start=None, over=over)
    start = 0 if len(values) == 1 else numbers[0]
    stop = numbers[0] if len(values) == 1 else numbers[1]
    runs = max(stop - start, 0) if start is not None and stop is not None else None
    return Track(Counter(counter), runs=runs, counter=counter, start=start, over=over)


def _enumerate(m: Machine, node: ast.Call) -> Track:
    inner = iterate(m, node.args[0])
    given = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "start"), None)
    first = expressions.evaluate(m, given) if given is not None else Constant(0)
    start = first.value if isinstance(first, Constant) and isinstance(first.value, int) else None
    counter = f"#{id(node)}"
    items = None
    if inner.items is not None:
        known = start is not None and not inner.items.loose
        pairs = (
            Sequence((Constant((start or 0) + index) if known else UNKNOWN, value))
            for index, value in enumerate(inner.items.items)
        )
        items = Sequence(tuple(pairs), inner.items.groups)
    return Track(Sequence((Counter(counter), inner.element)), inner.every, items, inner.runs, counter, start, inner.over)


def _zip(m: Machine, node: ast.Call) -> Track:
    tracks = [iterate(m, argument.value if isinstance(argument, ast.Starred) else argument) for argument in node.args]
    element = Sequence(tuple(track.element for track in tracks))
    known = [track.items for track in tracks if track.items is not None]
    items = None
    if known and len(known) == len(tracks) and all(one.groups == known[0].groups for one in known):
        rows = tuple(Sequence(parts) for parts in zip(*(one.items for one in known), strict=False))
        items = Sequence(rows, known[0].groups[: len(rows)])
    every = any(track.every for track in tracks)
    numbered = next((track for track in tracks if track.counter is not None), None)
    over = Sequence(tuple(track.over for track in tracks))
    return Track(element, every, items, None, numbered.counter if numbered else None, numbered.start if numbered else None, over)


def matters(value: Value) -> bool:
    """The value gives access to an object that training may change, or is a function to be called."""
    if isinstance(value, Function):
        return True
    return any(not thing.data and thing.role is not Role.OTHER and not thing.carries for thing in things_in(value))


def _is_parameter(value: Value) -> bool:
    return isinstance(value, Parameters) or (isinstance(value, Thing) and value.role is Role.LEAF)


def _length(known: Sequence) -> int | None:
    return None if known.loose else len(known.items)


def _listed(value: Value) -> Value:
    """An object, or a list of it alone, is gone through as the object: it was no list then, and is all that the list has.
    Where it may be empty, nothing is gone through."""
    if not isinstance(value, Choice):
        return value
    alone = [
        one
        for one in value.options
        if not (isinstance(one, Sequence) and (not one.items or (len(one.items) == 1 and one.items[0] in value.options)))
    ]
    return alone[0] if len(alone) == 1 else value


def _over(m: Machine, node: ast.expr, value: Value) -> Track:
    value = _listed(value)
    if isinstance(value, Parameters):
        parameters.exhaust(m, node, value)
        return Track(value.kept, every=True, over=value)
    if isinstance(value, Sequence) and len(value.items) > 1 and all(map(_is_parameter, value.items)):
        whole = parameters.of(value)
        return Track(whole, every=True, items=value, runs=_length(value), over=value)
    if isinstance(value, Sequence):
        merged: Value = UNKNOWN
        for element in value.items:
            merged = join(merged, element)
        return Track(merged, items=value, runs=_length(value), over=value)
    if isinstance(value, Many):
        return Track(value.element, every=matters(value.element), over=value)
    if isinstance(value, Mapping):
        keys = Sequence(tuple(Constant(key) for key, _ in value.items), value.values().groups)
        return Track(UNKNOWN, items=keys, runs=_length(keys), over=value)
    if isinstance(value, Tensor) or (isinstance(value, Thing) and value.role is Role.LEAF):
        row = operations.compute(m, node, "getitem", (value, UNKNOWN))
        return Track(operations.computed(m, as_tensor(value), row), over=value)
    if isinstance(value, Gradient):
        return Track(expressions.consume(m, node, value), over=value)
    if isinstance(value, Thing) and value.role is Role.MODULE:
        return Track(m.part(value, "[]"), over=value)
    element = m.thing(node, "element")
    if isinstance(value, Thing):
        element.carries, element.opaque = value.carries, value.opaque and not value.data
        element.parent = value
        access.taken(m, node, value, element)
    elif isinstance(value, Choice):
        given = as_tensor(value)
        element.carries, element.opaque = given.sources, given.opaque
    return Track(element, over=value)
