"""Computations on tensors as nodes of the graph of values, and what calling a layer computes."""

from __future__ import annotations

import ast

from . import chains
from .frameworks.table import activation_place, is_layer, is_sequence, layer_operation, signature
from .machine import Machine
from .things import NONE, Constant, External, Function, Operation, Origin, Role, Tensor, Thing, Value
from .values import alternatives, as_tensor, join
from .vocabulary import PACKING, WITH_INDICES

# What a sequence of layers was given after it was built is known as this attribute of it.


def compute(
    m: Machine,
    node: ast.AST,
    name: str,
    args: list[Value] | tuple[Value, ...],
    keywords: dict[str, Value] | None = None,
    callee: Thing | None = None,
    *,
    cuts: bool = False,
) -> Operation:
    """Note down that `name` is computed from `args` and `keywords`; `cuts` where its result has no graph."""
    names = signature(name)
    arguments: dict[str, Value] = {names[index] if index < len(names) else str(index): value for index, value in enumerate(args)}
    inputs = tuple(args)
    if keywords:
        arguments |= keywords
        inputs += tuple(value for value in keywords.values() if not isinstance(value, (Constant, External, Function)))
    return m.operation(node, name, inputs, arguments, callee, cuts)


def computed(m: Machine, value: Tensor, operation: Operation) -> Tensor:
    """The result of `operation`, with the graph of `value` where autograd is on."""
    return value.by(operation) if m.grad_enabled and not operation.cuts else Tensor(loss=value.loss, origin=operation)


def is_whole(kind: Value) -> bool:
    """A type of whole numbers, which have no gradients."""
    name = kind.name.rpartition(".")[2] if isinstance(kind, External) else kind.value if isinstance(kind, Constant) else ""
    return isinstance(name, str) and ("int" in name or name in ("bool", "bool_"))


def forward(m: Machine, node: ast.AST, callee: Thing, args: list[Value], keywords: dict[str, Value]) -> Operation:
    """What calling `callee` computes: the operation of a known layer, the chain of a sequence of layers, or a call."""
    made = callee.created_by or ""
    if callee.cls is not None or not is_layer(made):
        return compute(m, node, "call", args, keywords, callee)
    if is_sequence(made):
        layers = chains.layers(m, callee)
        if not layers or len(args) != 1:
            return compute(m, node, "call", args, keywords, callee)
        value = args[0]
        for layer, loose in layers:
            layered = Tensor(origin=forward(m, node, layer, [value], {}))
            value = join(as_tensor(value), layered) if loose else layered
        last = as_tensor(value).origin
        ways = [way for way in alternatives(last) if isinstance(way, Operation)] if last is not None else []
        if last is not None and len(ways) == len(alternatives(last)) and len({way.name for way in ways}) == 1:
            return ways[-1]
        return compute(m, node, "call", args, keywords, callee)
    done = compute(m, node, layer_operation(made), args, callee.arguments | keywords, callee)
    applies, place = activation_place(made)
    return _activated(m, node, done, callee, place) if applies else done


def _activated(m: Machine, node: ast.AST, done: Operation, layer: Thing, place: int | None) -> Operation:
    """What `layer` makes of what it computed: its activation, "unknown_activation" where that is out of sight."""
    given = layer.positional[place] if place is not None and place < len(layer.positional) else NONE
    given = layer.arguments.get("activation", given)
    name = "unknown_activation"
    if isinstance(given, Constant):
        name = given.value if isinstance(given.value, str) else "linear" if given.value is None else name
    elif isinstance(given, External):
        name = given.name.rpartition(".")[2]
    if name == "linear":
        return done
    return compute(m, node, name, [Tensor(origin=done)], {}, layer)


_ARITHMETIC = frozenset({"add", "sub", "mul", "div", "floordiv", "remainder", "pow", "matmul", "neg"})


def is_tensor(value: Value, depth: int = 4) -> bool:
    """A tensor for certain: others have attributes of the same names too."""
    tensor = as_tensor(value)
    if tensor.loss or (isinstance(value, Thing) and value.role is Role.LEAF):
        return True
    origin = value.made_by if isinstance(value, Thing) else tensor.origin
    ways = alternatives(origin) if origin is not None else ()
    return bool(ways) and all(isinstance(way, Operation) and _gives_tensor(way, depth) for way in ways)


def _gives_tensor(operation: Operation, depth: int) -> bool:
    if operation.name in PACKING:
        return False
    if operation.name == "getitem":
        return depth > 0 and is_tensor(operation.inputs[0], depth - 1)
    if operation.name == "call":
        return operation.callee is not None and operation.callee.role in (Role.MODULE, Role.LOSS_FUNCTION)
    if operation.name in _ARITHMETIC:
        return depth > 0 and any(is_tensor(given, depth - 1) for given in operation.inputs)
    return True


def has_indices(origin: Origin | None) -> bool:
    """Values that come with the places where they were found."""
    return isinstance(origin, Operation) and origin.name in WITH_INDICES
