"""Which parameters an argument stands for, and the iterators that handing it over uses up."""

from __future__ import annotations

import ast
from dataclasses import replace

from .effects import Exhaust
from .machine import Machine
from .things import UNKNOWN, Choice, Generator, Many, Mapping, Parameters, Role, Sequence, Tensor, Thing, Value


def of(value: Value) -> Parameters:
    """The parameters that an argument such as `params` stands for."""
    if isinstance(value, Parameters):
        return value.kept
    if isinstance(value, Thing):
        return (
            value.parameters
            if value.role is Role.OPTIMIZER and value.parameters
            else Parameters(frozenset({value}), value.role is not Role.LEAF)
        )
    if isinstance(value, Mapping):
        inner = [item for key, item in value.items if key == "params"]
        return of(inner[0]) if inner else Parameters(opaque=True)
    if isinstance(value, (Sequence, Choice)):
        return Parameters.union(of(item) for item in (value.items if isinstance(value, Sequence) else value.options))
    if isinstance(value, Many):
        return of(value.element)
    if isinstance(value, Tensor):
        return Parameters(value.sources, opaque=True)
    return Parameters(opaque=True)


def group_rates(groups: Value, base: Value) -> Sequence | None:
    """The learning rate of each group, `base` where it gives none of its own; None where no group gives one."""
    items = groups.items if isinstance(groups, Sequence) else (groups.element,) if isinstance(groups, Many) else ()
    own = [dict(group.items).get("lr") if isinstance(group, Mapping) else None for group in items]
    if not any(rate is not None for rate in own):
        return None
    known = [isinstance(group, (Mapping, Parameters)) for group in items]
    return Sequence(tuple((rate or base) if sure else UNKNOWN for rate, sure in zip(own, known, strict=True)))


def union(m: Machine, node: ast.AST, args: list[Value]) -> Value:
    if args and all(isinstance(value, Parameters) for value in args):
        whole = Parameters.union(value for value in args if isinstance(value, Parameters))
    else:
        whole = of(Sequence(tuple(args)))
    return replace(whole, generator=Generator(node, m.turns))


def exhaust(m: Machine, node: ast.AST, value: Value, *, sure: bool = True, depth: int = 3) -> None:
    """What `node` does goes through `value`, and through the iterators in it."""
    if isinstance(value, Parameters) and value.generator is not None:
        m.emit_effect(Exhaust, node, value.generator, sure)
    elif isinstance(value, Choice) and depth:
        for option in value.options:
            exhaust(m, node, option, sure=False, depth=depth - 1)
    elif isinstance(value, Sequence) and depth:
        for item in value.items:
            exhaust(m, node, item, sure=sure, depth=depth - 1)
    elif isinstance(value, Mapping) and depth:
        for key, item in value.items:
            if key == "params":
                exhaust(m, node, item, sure=sure, depth=depth - 1)
