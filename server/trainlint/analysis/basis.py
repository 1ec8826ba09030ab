"""What the other facts are computed from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TypeVar

from ..cancel import CancelFlag
from ..program import effects as fx
from ..program.program import Program
from ..program.things import Operation
from ..source.document import Document
from .flow.differentiations import Differentiations
from .flow.fates import Fates
from .flow.gradients import Gradients
from .flow.graph import Node, Source
from .flow.values import Values
from .models.modules import Modules
from .paths.order import Orders
from .paths.protocol import Protocol, examine
from .places import Places
from .tensors.shapes import Shapes

Kind = TypeVar("Kind", bound=fx.Effect)


class Basis:
    def __init__(self, document: Document, program: Program, cancel: CancelFlag) -> None:
        self.document = document
        self.program = program
        self._cancel = cancel

    @cached_property
    def places(self) -> Places:
        return Places(self.program)

    @cached_property
    def protocols(self) -> list[Protocol]:
        """The step protocol of every entry."""
        return [examine(entry, self.program, self._cancel) for entry in self.program.entries]

    @cached_property
    def values(self) -> Values:
        return Values(self.program)

    @cached_property
    def shapes(self) -> Shapes:
        return Shapes(self.program, self.values)

    @cached_property
    def differentiated(self) -> dict[Operation, Source]:
        """Every computation that a backward sends gradients through, in forward passes too."""
        found: dict[Operation, Source] = {}
        for backward in self.effects(fx.Backward):
            found.update(self.gradients.reach(Node(backward.loss)).operations)
        return found

    @cached_property
    def modules(self) -> Modules:
        return Modules(self.program)

    @cached_property
    def orders(self) -> Orders:
        return Orders(self.program)

    @cached_property
    def fates(self) -> Fates:
        return Fates(self.program)

    @cached_property
    def differentiations(self) -> Differentiations:
        """Gradients that are values."""
        return Differentiations(self.program, self.fates)

    @cached_property
    def gradients(self) -> Gradients:
        return Gradients(self.program)

    @cached_property
    def operations(self) -> dict[str, list[Operation]]:
        """Every computation on tensors, by name, in the order of the program; one of a loop or helper more than once."""
        found: dict[str, list[Operation]] = {}
        for operation in self.program.operations:
            found.setdefault(operation.name, []).append(operation)
        return found

    def effects(self, kind: type[Kind]) -> Iterator[Kind]:
        """Every effect of one kind, in the order of the program; one of a helper once for each call."""
        for entry in self.program.entries:
            yield from entry.of(kind)

    @cached_property
    def uncalled(self) -> list[fx.Uncalled]:
        """Training methods named as statements, each place once."""
        found: dict[object, fx.Uncalled] = {}
        for effect in self.effects(fx.Uncalled):
            found.setdefault(effect.site.node, effect)
        return list(found.values())
