"""Gradients that are values, and that nothing reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program.differentiation import GRADIENT
from ...program.frameworks.table import maker, spelling
from ...program.functional import IN_PLACE, INITIAL_STATE, MOVED, NEXT_TRAIN_STATE, UPDATES, VALUE
from ...program.naming import LOSS, MEASURING, MODEL, suggests
from ...program.things import Constant, Function, Operation, Partial, Role, Sequence, Thing
from ...source.parse import Site
from .fates import Path
from .steps import Steps
from .written import (
    parameters_of,
    reads,
    root_of,
    variable,
)


@dataclass(frozen=True, slots=True)
class UnusedGradients:
    """The gradients in the variable `name` are never read; `holder` could apply them, by the statements `applying`.

    `last` is where they are assigned, averaged or not. `measured`: they are looked at, and nothing else.
    """

    taken: Operation
    name: str
    last: Site
    holder: str | None
    applying: tuple[str, ...]
    measured: bool = False

    @property
    def statements(self) -> tuple[str, ...]:
        return tuple(one.format(gradients=self.name) for one in self.applying)


class Unused:
    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def all(self) -> Iterator[UnusedGradients]:
        """Gradients that nothing reads, in a program that has something to apply them."""
        taken = list(self._steps.of(GRADIENT))
        trains = any(self._steps.all.get(name) for name in (INITIAL_STATE, UPDATES, NEXT_TRAIN_STATE, IN_PLACE, MOVED)) or any(
            _can_apply(thing) for thing in self._steps.program.things if taken
        )
        for operation in taken if trains else ():
            if "symbols" not in operation.arguments:
                continue
            with_value = any(one.site.node is operation.site.node for one in self._steps.of(VALUE))
            has_aux = operation.arguments["has_aux"] == Constant(True)
            path = (1,) if with_value else (0,) if has_aux else ()
            if suggests(getattr(operation.site.function, "name", ""), MEASURING):
                continue
            for place, number in _numbers(operation):
                if not _by_parameters(operation, number):
                    continue
                waste = self._steps.lost(operation, (*path, *place))
                if waste is not None and not waste.returned and waste.name is not None and not waste.deliberate:
                    yield UnusedGradients(operation, waste.name, waste.site, *self._holder(operation, number))
                    break
                measured = self._only_measured(operation, (*path, *place), number) if waste is None else None
                if measured is not None:
                    yield UnusedGradients(operation, measured, operation.site, *self._holder(operation, number), measured=True)
                    break

    def _only_measured(self, operation: Operation, path: Path, number: int) -> str | None:
        """The variable of gradients that are looked at only, where the function returns what they are by as it was given, or is
        given what could apply them and never touches it."""
        site = operation.site
        args = site.node.args if isinstance(site.node, ast.Call) else []
        moved = root_of(args[number]) if number < len(args) else None
        given = parameters_of(site.function)
        if moved not in given:
            return None
        holder, _ = self._holder(operation, number)
        idle = (
            holder in given and holder != moved and not any(reads(part, holder) for part in ast.iter_child_nodes(site.function))
        )
        return self._steps.looked_at(site, path) if idle or self._steps.returned_as_it_was(site, moved) else None

    def _holder(self, operation: Operation, number: int) -> tuple[str | None, tuple[str, ...]]:
        """What could apply the gradients by an argument, as the user calls it, and the statements that do."""
        call = operation.site.node
        assert isinstance(call, ast.Call)
        first = call.args[number] if number < len(call.args) else None
        if isinstance(first, ast.Attribute) and first.attr == "params" and (state := variable(first.value)) is not None:
            return state, self._spelled(NEXT_TRAIN_STATE, state, "")
        holders = {thing.name for thing in self._steps.program.things if thing.role is Role.TRAIN_STATE and thing.name}
        by = variable(first)
        if len(holders) == 1 and by is not None and operation.site.function is not self._steps.program.tree:
            (holder,) = holders
            known = holder in parameters_of(operation.site.function)
            return holder, self._spelled(IN_PLACE, holder, by) if known else ()
        return None, ()

    def _spelled(self, how: str, holder: str, parameters: str) -> tuple[str, ...]:
        """How the library writes a step of `holder`, the gradients left open."""
        written = spelling(how)
        return (written.format(holder=holder, parameters=parameters, gradients="{gradients}"),) if written is not None else ()


def _numbers(taken: Operation) -> list[tuple[Path, int]]:
    """The gradients as a whole, or those by each of several arguments: where they are, and the number of the argument."""
    wanted = taken.arguments.get("argnums")
    one = wanted.value if isinstance(wanted, Constant) and isinstance(wanted.value, int) else 0
    several = wanted.items if isinstance(wanted, Sequence) else ()
    numbers = [item.value for item in several if isinstance(item, Constant) and isinstance(item.value, int)]
    return [((), one), *(((place,), number) for place, number in enumerate(numbers) if len(numbers) == len(several))]


def _can_apply(thing: Thing) -> bool:
    """It applies gradients, by its role or by what its class is made of."""
    if thing.role in (Role.TRANSFORMATION, Role.TRAIN_STATE, Role.OPTIMIZER):
        return True
    return thing.cls is not None and any(maker(base) is Role.TRAIN_STATE for base in thing.cls.outside)


# What gradients are taken by, to train.
_TRAINED = (
    frozenset({"param", "params", "parameters", "variables", "vars", "weights", "w", "theta", "state", "trainable"}) | MODEL
)


def _by_parameters(taken: Operation, number: int) -> bool:
    """By their names, a loss is differentiated by parameters, and not some function by the place that it is looked at."""
    call = taken.site.node
    by = call.args[number] if isinstance(call, ast.Call) and number < len(call.args) else None
    if by is not None and suggests(ast.unparse(by), _TRAINED):
        return True
    function = taken.arguments["function"]
    while isinstance(function, Partial):
        function = function.function
    return isinstance(function, Function) and suggests(getattr(function.node, "name", ""), LOSS)
