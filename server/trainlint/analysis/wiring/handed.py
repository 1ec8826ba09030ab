"""What optimizers are handed in place of parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ...program import effects as fx
from ...program.things import Constant, Many, Mapping, Method, Operation, Parameters, Role, Sequence, Tensor, Thing, Value
from ...program.values import alternatives
from ...source.parse import Site
from ..paths.order import Orders
from .kinds import is_model
from .kinship import related

_FACTORIES = frozenset(
    {"rand", "randn", "randint", "zeros", "ones", "empty", "full", "tensor", "Tensor", "arange", "linspace", "eye", "normal",
     "rand_like", "randn_like", "zeros_like", "ones_like", "empty_like", "full_like", "from_numpy"}
)  # fmt: skip
_CUTS = frozenset({"detach", "data", "state_dict"})
# What hands on whether a gradient is required.
_COPIES = frozenset({"clone", "to", "cuda", "cpu", "double", "half", "float", "reshape", "view", "contiguous"})
# What may hand back the tensor that it is given.
_MAY_BE_THE_SAME = frozenset({"to", "cpu", "float", "type", "contiguous", "requires_grad_", "detach", "data", "retain_grad"})


class Wrong(Enum):
    MODULE = "a module"
    METHOD = "a method that is not called"
    TENSOR = "a tensor, not a collection of such"
    VALUES = "values that autograd knows nothing of"
    NO_GRADIENT = "tensors that require no gradient"
    RESULT = "results of operations"


@dataclass(frozen=True, slots=True)
class WrongHolding:
    """`optimizer` is handed something else than parameters; `argument` is the expression, where it is one argument.

    `instead` is the part of it that gives the parameters.
    """

    optimizer: Thing
    built: Site
    wrong: Wrong
    argument: ast.expr | None
    instead: ast.expr | None


def wrong_holdings(orders: Orders) -> list[WrongHolding]:
    found: dict[ast.AST, WrongHolding] = {}
    for _, built in orders.effects(fx.Create):
        optimizer = built.thing
        of_library = "." in (optimizer.created_by or "")
        if optimizer.role is not Role.OPTIMIZER or not of_library or "params" not in optimizer.arguments:
            continue
        wrong = _judge(optimizer.arguments["params"], orders)
        if wrong in (Wrong.VALUES, Wrong.NO_GRADIENT) and not _trains(optimizer, orders):
            continue
        if wrong is not None:
            argument = _argument(built.site.node)
            found.setdefault(built.site.node, WrongHolding(optimizer, built.site, wrong, argument, _instead(argument)))
    return list(found.values())


def _trains(optimizer: Thing, orders: Orders) -> bool:
    """It is meant to train: it steps, and something is differentiated."""
    stepped = any(optimizer in step.optimizers for _, step in orders.effects(fx.Step))
    return stepped and next(orders.effects(fx.Backward), None) is not None


def _argument(call: ast.AST) -> ast.expr | None:
    if not isinstance(call, ast.Call):
        return None
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "params"), None)
    first = call.args[0] if call.args and not isinstance(call.args[0], ast.Starred) else None
    return named or first


def _instead(argument: ast.expr | None) -> ast.expr | None:
    """What a comprehension takes the values from: `model.parameters()` in `[p.data for p in model.parameters()]`."""
    if not isinstance(argument, (ast.ListComp, ast.GeneratorExp)) or len(argument.generators) != 1:
        return None
    generator, taken = argument.generators[0], argument.elt
    while isinstance(taken, ast.Attribute) or (isinstance(taken, ast.Call) and not taken.args):
        taken = taken.value if isinstance(taken, ast.Attribute) else taken.func
    same = isinstance(taken, ast.Name) and isinstance(generator.target, ast.Name) and taken.id == generator.target.id
    return generator.iter if same and not generator.ifs else None


def _judge(value: Value, orders: Orders) -> Wrong | None:
    if isinstance(value, Method) and value.name in ("parameters", "named_parameters"):
        return Wrong.METHOD if isinstance(value.receiver, Thing) and _has_parameters(value.receiver) else None
    if isinstance(value, Thing):
        if value.role is Role.LEAF:
            return Wrong.TENSOR
        own = value.cls is not None and (value.cls.find("__iter__") or value.cls.find("__getitem__"))
        collection = "Parameter" in (value.created_by or "") or (value.cls is not None and "?" in value.cls.outside)
        return Wrong.MODULE if value.role is Role.MODULE and value.in_sight and not own and not collection else None
    if isinstance(value, Parameters):
        return Wrong.VALUES if value.detached and not value.opaque and not _by_hand(value, orders) else None
    items = list(_items(value))
    if any(_is_result(item) for item in items):
        return Wrong.RESULT
    if any(_is_plain(item) for item in items) and not _by_hand(Parameters(opaque=True), orders):
        return Wrong.NO_GRADIENT
    return None


def _has_parameters(thing: Thing) -> bool:
    """Its `parameters` is the method of a module: not an attribute that a class in sight, or its bases, may give it."""
    return thing.role is Role.MODULE or (thing.cls is None and is_model(thing))


def _items(value: Value, depth: int = 3) -> Iterator[Value]:
    """The members of the collection, and of the groups in it."""
    if depth == 0:
        return
    if isinstance(value, Sequence):
        for item in value.items:
            yield from _items(item, depth - 1) if isinstance(item, (Mapping, Many)) else (item,)
    elif isinstance(value, Many):
        yield value.element
    elif isinstance(value, Mapping):
        for key, item in value.items:
            if key == "params":
                yield from _items(item, depth - 1) if isinstance(item, (Sequence, Many)) else (item,)


def _by_hand(parameters: Parameters, orders: Orders) -> bool:
    """The program writes gradients itself, or makes the values require them."""
    for _, write in orders.effects(fx.Write):
        if write.parameters.opaque or any(related(one, other) for one in parameters.owners for other in write.parameters.owners):
            return True
    return any(
        freeze.trainable is not False
        and any(related(one, other) for one in parameters.owners for other in freeze.parameters.owners)
        for _, freeze in orders.effects(fx.Freeze)
    )


def _is_plain(value: Value, depth: int = 6) -> bool:
    """A tensor that requires no gradient, and is not made to later."""
    if not isinstance(value, Tensor) or value.sources or value.opaque or value.origin is None or depth == 0:
        return False
    return all(_plain_operation(origin, depth) for origin in alternatives(value.origin))


def _plain_operation(origin: object, depth: int) -> bool:
    if not isinstance(origin, Operation) or origin.leaf_at is not None or "**" in origin.arguments:
        return False
    if origin.arguments.get("requires_grad", Constant(False)) != Constant(False):
        return False
    if origin.name in _FACTORIES or (origin.cuts and origin.name in _CUTS):
        return True
    return origin.name in _COPIES and bool(origin.inputs) and _is_plain(origin.inputs[0], depth - 1)


def _is_result(value: Value) -> bool:
    """Computed from leaves in sight, so that it is none itself."""
    if not isinstance(value, Tensor) or value.opaque or not value.sources or value.origin is None:
        return False
    if not all(source.role is Role.LEAF and source.in_sight for source in value.sources):
        return False
    return all(
        isinstance(origin, Operation)
        and origin.recorded
        and not origin.cuts
        and origin.leaf_at is None
        and origin.name not in _MAY_BE_THE_SAME
        for origin in alternatives(value.origin)
    )
