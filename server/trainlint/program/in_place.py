"""What the program does to tensors that exist already: values stored into them, and leaves made of them."""

from __future__ import annotations

import ast

from . import assignment
from .machine import Machine
from .things import Constant, Gradient, Operation, Origin, Parameters, Tensor, Thing, Value
from .values import alternatives, as_tensor, options

_VIEWS = frozenset(
    {"getitem", "view", "reshape", "squeeze", "unsqueeze", "transpose", "permute", "t", "narrow", "select", "flatten", "expand",
     "diagonal", "chunk", "split", "unbind", "detach", "data"}
)  # fmt: skip


def stored(m: Machine, holder: Value, values: tuple[Value, ...]) -> None:
    """`values` become part of what `holder` is, whoever else holds it; none of their graph where autograd is off."""
    given = tuple(value for value in values if not isinstance(value, Constant))
    if not given or not m.grad_enabled:
        return
    origins = _origins(holder)
    for origin in [behind for one in origins for behind in (one, *_viewed(one))]:
        if isinstance(origin, Operation):
            origin.writes += tuple(value for value in given if value not in origin.writes)
        elif isinstance(origin, Thing):
            origin.grown = True
            if any(may_have_graph(value) for value in given):
                origin.top.grown = True


_ZEROS = frozenset({"zeros", "zeros_like", "new_zeros", "zero_"})
_RESCALING = frozenset(
    {"mul", "div", "neg", "clamp", "clip", "nan_to_num", "where", "to", "type", "float", "half", "detach", "clone", "data",
     "renorm"}
)  # fmt: skip


def may_have_graph(value: Value) -> bool:
    tensor = as_tensor(value)
    return bool(tensor.sources) or tensor.opaque


def is_zero(value: Value) -> bool:
    """A tensor of zeros, made for the purpose."""
    return isinstance(value, Tensor) and isinstance(value.origin, Operation) and value.origin.name in _ZEROS


def is_multiple(value: Value, of: Parameters) -> bool:
    """The gradient of `of` itself, made larger or smaller."""
    origin = value.origin if isinstance(value, Tensor) else None
    while isinstance(origin, Operation) and origin.name in _RESCALING:
        parts = [behind.origin for behind in origin.inputs if isinstance(behind, Tensor) and behind.origin is not None]
        if not parts:
            return False
        grads = [part for part in parts if isinstance(part, Operation) and part.name in _RESCALING | {"grad"}]
        origin = grads[0] if grads else None
    read = origin.inputs[0] if isinstance(origin, Operation) and origin.name == "grad" else None
    return isinstance(read, Gradient) and read.of == of


WRITTEN = "written in place"


def written(parameters: Parameters) -> None:
    """The program changes `parameters` itself: what holds them is used so."""
    for owner in parameters.owners:
        owner.uses.add(WRITTEN)


def made_leaf(node: ast.AST, holder: Value) -> None:
    """`holder` requires a gradient of its own from here on."""
    for origin in _origins(holder):
        if isinstance(origin, Operation):
            origin.leaf_at = node
        elif isinstance(origin, Thing):
            origin.grown = True


def detached(m: Machine, node: ast.AST, holder: Value, result: Tensor) -> Tensor:
    """`holder` is cut off from its graph where it is: what it is called here is `result` from now on."""
    for origin in _origins(holder):
        for behind in (origin, *_viewed(origin)):
            if isinstance(behind, Operation):
                behind.released = True
    func = node.func if isinstance(node, ast.Call) else None
    if isinstance(func, ast.Attribute) and isinstance(func.value, (ast.Name, ast.Attribute)):
        assignment.bind(m, func.value, result)
    return result


def _origins(holder: Value) -> list[Origin]:
    found: list[Origin] = []
    for option in options(holder):
        if isinstance(option, Tensor) and option.origin is not None:
            found.extend(alternatives(option.origin))
        elif isinstance(option, Thing):
            found.append(option)
            if option.made_by is not None:
                found.append(option.made_by)
    return found


def _viewed(origin: Origin) -> list[Origin]:
    """What `origin` is a part of, so that storing into the one changes the other."""
    found: list[Origin] = []
    while isinstance(origin, Operation) and origin.name in _VIEWS and origin.inputs and len(found) < 8:
        whole = origin.inputs[0]
        inner = whole if isinstance(whole, Thing) else whole.origin if isinstance(whole, Tensor) else None
        if inner is None:
            break
        found.append(inner)
        origin = inner
    return found


FILLING = frozenset(
    {"fill_", "zero_", "normal_", "uniform_", "bernoulli_", "exponential_", "cauchy_", "log_normal_", "random_", "trunc_normal_",
     "copy_"}
)  # fmt: skip


def filling(name: str, args: list[Value]) -> Value | None:
    """The number that a function or method sets everything to; None where it sets various ones."""
    if name in ("zero_", "zeros_"):
        return Constant(0)
    if name == "ones_":
        return Constant(1)
    return args[-1] if name in ("fill_", "constant_") and args and isinstance(args[-1], Constant) else None


def filled(value: Value) -> Value:
    """The parameter whose data `value` is; itself where it is none."""
    made = value.origin if isinstance(value, Tensor) else None
    return made.inputs[0] if isinstance(made, Operation) and made.name == "data" and made.inputs else value
