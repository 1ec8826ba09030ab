"""Conditions that keep their identity: the same condition has the same truth until a variable of it changes."""

from __future__ import annotations

import ast
from dataclasses import field
from typing import Union

from ..immutable import value_class


@value_class
class Known:
    truth: bool


@value_class
class Fresh:
    """A condition that may come out differently at every evaluation."""


@value_class
class Flag:
    """A condition out of sight, identified by `key`; it holds until one of `variables` is assigned."""

    key: str
    variables: frozenset[str]


@value_class
class Periodic:
    """`(counter + offset) % modulus == residue`; a modulus out of sight is a string that identifies it.

    `written` is the expression that the modulus is.
    """

    counter: str
    offset: int
    modulus: int | str
    residue: int
    written: ast.AST | None = field(default=None, compare=False)


@value_class
class Reached:
    """`counter + offset` compared with a constant: `operator` is ``==``, ``<`` or ``<=``."""

    counter: str
    offset: int
    operator: str
    value: int


@value_class
class Not:
    guard: Guard


@value_class
class And:
    guards: tuple[Guard, ...]


@value_class
class Or:
    guards: tuple[Guard, ...]


Guard = Union[Known, Fresh, Flag, Periodic, Reached, Not, And, Or]

FRESH = Fresh()
TRUE = Known(True)


def negate(guard: Guard) -> Guard:
    if isinstance(guard, Known):
        return Known(not guard.truth)
    if isinstance(guard, Not):
        return guard.guard
    return guard if isinstance(guard, Fresh) else Not(guard)


def atoms(guard: Guard) -> list[Flag | Periodic | Reached | Fresh]:
    """The indivisible conditions of a guard."""
    if isinstance(guard, Not):
        return atoms(guard.guard)
    if isinstance(guard, (And, Or)):
        return [atom for part in guard.guards for atom in atoms(part)]
    return [] if isinstance(guard, Known) else [guard]
