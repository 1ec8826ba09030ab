"""Hyper-parameters that are known where an optimizer is built, from code and from configuration files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.effects import leaves
from ...program.frameworks.table import decoupled, signature
from ...program.program import Program
from ...program.things import Constant, Default, Mapping, Role, Sequence, Thing, Value
from ...source.parse import Site, Spot
from ..flow.numbers import Origins, number, origins


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """`optimizer` is built with `name` set to `value`: a number, a string, or a tuple of numbers.

    `place` is where the argument is written, `source` the file it was loaded from, if that is one of its own, `default` where
    the number is written as one that callers may replace.
    """

    optimizer: Thing
    name: str
    value: object
    place: Site
    source: Spot | None
    default: Default | None = None

    @property
    def origins(self) -> Origins:
        """Where the value comes from, where that is not the construction itself."""
        return origins(self.source, self.default)

    @property
    def written(self) -> ast.AST | None:
        """The expression that gives the value, in the call or as a default; None where it is written elsewhere."""
        if self.default is not None:
            return self.default.place.node
        node = self.place.node
        return None if self.place.whole is None else node.value if isinstance(node, ast.keyword) else node

    @property
    def literal(self) -> bool:
        """The value itself is written in the call."""
        return isinstance(self.written, ast.Constant)

    @property
    def kind(self) -> str:
        """The class of the optimizer, without its package."""
        return (self.optimizer.created_by or "").rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class MixedDecay:
    """The weight decay `given` is added to gradients that are then divided by their size; `instead` is the class that keeps
    the two apart."""

    given: Hyperparameter
    instead: str

    @property
    def called(self) -> ast.expr | None:
        """The class as it is written in the construction, where it is written as what it is in its package."""
        call = self.given.optimizer.node
        written = call.func if isinstance(call, ast.Call) else None
        return written if isinstance(written, ast.Attribute) and written.attr == self.given.kind else None

    @property
    def package(self) -> ast.expr | None:
        return self.called.value if isinstance(self.called, ast.Attribute) else None


def mixed_decays(hyperparameters: list[Hyperparameter]) -> Iterator[MixedDecay]:
    apart = {given.optimizer for given in hyperparameters if given.name == "decoupled_weight_decay" and given.value}
    for given in hyperparameters:
        instead = decoupled(given.optimizer.created_by or "")
        if given.name != "weight_decay" or instead is None or given.optimizer in apart or "**" in given.optimizer.arguments:
            continue
        if isinstance(given.value, (int, float)) and given.value > 0:
            yield MixedDecay(given, instead)


def known_hyperparameters(program: Program) -> Iterator[Hyperparameter]:
    """Every argument that optimizers are built with and whose value is in sight, in the order of the program.

    What parameter groups set for themselves is left out.
    """
    seen: set[Thing] = set()
    for entry in program.entries:
        for effect in leaves(entry.body):
            if not isinstance(effect, fx.Create) or effect.thing.role is not Role.OPTIMIZER or effect.thing in seen:
                continue
            seen.add(effect.thing)
            yield from _of(effect.thing, effect.site)


def _of(optimizer: Thing, site: Site) -> Iterator[Hyperparameter]:
    names = signature((optimizer.created_by or "").rpartition(".")[2])
    arguments = dict(zip(names, optimizer.positional, strict=False)) | optimizer.arguments
    own = _set_by_groups(arguments.get("params", optimizer.positional[0] if optimizer.positional else None))
    for name, value in arguments.items():
        if name in own:
            continue
        known = _known(value)
        if known is not None:
            written = _written(site.node, name, names)
            place = site if written is None else site.part(written)
            yield Hyperparameter(optimizer, name, known.value, place, known.source, known.default)


@dataclass(frozen=True, slots=True)
class _Known:
    value: object
    source: Spot | None = None
    default: Default | None = None


def _known(value: Value) -> _Known | None:
    """The value where it is in sight and the command line cannot give another."""
    if isinstance(value, Constant):
        return _Known(value.value, value.source)
    if isinstance(value, Sequence):
        items = [_known(item) for item in value.items]
        return _Known(tuple(item.value for item in items if item is not None)) if items and None not in items else None
    known = number(value)
    return _Known(known.value, known.source, known.default) if known is not None and not known.option else None


def _set_by_groups(groups: Value | None) -> set[object]:
    items = groups.items if isinstance(groups, Sequence) else ()
    return {key for group in items if isinstance(group, Mapping) for key, _ in group.items}


def _written(call: ast.AST, name: str, names: tuple[str, ...]) -> ast.AST | None:
    """The argument where it is written in the call."""
    if isinstance(call, ast.Call):
        for keyword in call.keywords:
            if keyword.arg == name:
                return keyword
        index = names.index(name) if name in names else 1 if name == "lr" else len(call.args)
        if index < len(call.args) and not any(isinstance(argument, ast.Starred) for argument in call.args[: index + 1]):
            return call.args[index]
    return None
