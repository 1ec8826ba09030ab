"""Training by values: what becomes of the updates made of gradients, and of the states that replace old ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...program.frameworks.table import Meaning, functions_that
from ...program.functional import APPLIED, INITIAL_STATE, MOVED, NEXT_STATE, NEXT_TRAIN_STATE, UPDATES
from ...program.things import Operation, Role, Tensor, Value
from .fates import Loss, Waste, targets
from .ignored import Ignored
from .resets import Reset
from .steps import Steps
from .written import (
    argument,
    argument_at,
    argument_of,
    returned_names,
    variable,
)

_WORDS = {
    APPLIED: "the new parameters",
    MOVED: "the new parameters",
    NEXT_TRAIN_STATE: "the new state",
    UPDATES: "the updates and the new state",
    NEXT_STATE: "the new state",
}


@dataclass(frozen=True, slots=True)
class Thrown:
    """What `operation` computes gets lost, as `waste` says; it is meant for the variable `meant_for` where it gets lost.

    `assigned` is what the whole result of the call there is to be assigned to, where it is assigned to nothing.
    """

    operation: Operation
    waste: Waste
    meant_for: str | None = None
    assigned: str | None = None

    @property
    def what(self) -> str:
        """What is lost, in words."""
        return _WORDS[self.operation.name]

    @property
    def several(self) -> bool:
        return self.operation.name in (APPLIED, UPDATES)

    @property
    def function(self) -> str:
        """The function whose result is thrown away, as the user calls it there."""
        call = self.waste.site.node if self.waste.returned is not None else self.operation.site.node
        return ast.unparse(call.func if isinstance(call, ast.Call) else call)


@dataclass(frozen=True, slots=True)
class Unapplied:
    """The updates in the variable `name` are never applied to those in `parameters`; `apply` is how the user calls that.

    `instead` are the gradients that the call is given in their place.
    """

    operation: Operation
    name: str
    parameters: str | None
    apply: str | None
    instead: ast.expr | None = None


@dataclass(frozen=True, slots=True)
class Misassigned:
    """The updates are assigned to `name`, which holds the parameters, or the state where `swapped`."""

    step: Operation
    name: str
    other: str | None
    target: ast.Tuple
    apply: str | None
    swapped: bool = False

    @property
    def statement(self) -> ast.stmt:
        return self.step.site.statement


class Updates:
    def __init__(self, steps: Steps, resets: list[Reset]) -> None:
        self._steps = steps
        self._resets = resets

    @property
    def unapplied(self) -> Iterator[Unapplied]:
        """Updates that nothing applies."""
        for operation in self._steps.of(UPDATES):
            waste = self._steps.lost(operation, (0,))
            instead = self._gradients_applied(operation)
            name = waste.name if waste is not None else self._only_measured(operation)
            name = name or (self._updates_in(operation) if instead is not None else None)
            if name is not None and not name.startswith("_") and not self._steps.in_vain(operation):
                yield Unapplied(operation, name, self._steps.parameters(operation), self.apply, instead)

    def _updates_in(self, operation: Operation) -> str | None:
        """The variable of updates."""
        pairs = (target for target in targets(operation.site) if isinstance(target, ast.Tuple) and target.elts)
        return next((first.id for pair in pairs if isinstance(first := pair.elts[0], ast.Name)), None)

    def _gradients_applied(self, operation: Operation) -> ast.expr | None:
        """The gradients, where they are applied in the place of the updates that were made of them."""
        gradients = argument_at(operation, 0, "updates")
        applied = [one for one in self._steps.of(APPLIED) if one.site.function is operation.site.function]
        moved = argument_at(operation, 2, "params")
        for one in applied:
            given = argument_at(one, 1, "updates")
            same = given is not None and gradients is not None and ast.unparse(given) == ast.unparse(gradients)
            to = argument_at(one, 0, "params")
            other = moved is not None and to is not None and ast.unparse(moved) != ast.unparse(to)
            if same and not other and _is_same(one.arguments["updates"], operation.arguments["gradients"]):
                return given
        return None

    def _only_measured(self, operation: Operation) -> str | None:
        """The variable of updates that are looked at only, where the function returns the parameters as they were."""
        moved = self._steps.parameters(operation)
        if moved is None or not self._steps.returned_as_it_was(operation.site, moved):
            return None
        return self._steps.looked_at(operation.site, (0,))

    @property
    def discarded(self) -> Iterator[Thrown]:
        """Parameters and train states that a step returns and nobody keeps."""
        restarted = {reset.step for reset in self._resets}
        for ignored in self._steps.ignored:
            if ignored.done not in restarted:
                yield self._repeated(ignored)
        for name in (APPLIED, NEXT_TRAIN_STATE):
            for operation in self._steps.of(name):
                if operation in restarted:
                    continue
                waste = self._steps.lost(operation, ())
                if waste is not None and not waste.deliberate:
                    yield self._thrown(operation, waste)
        for operation in self._steps.of(MOVED):
            waste = self._steps.lost(operation, (0,))
            if waste is not None:
                yield self._thrown(operation, waste)
        for operation in self._steps.of(UPDATES):
            waste = self._steps.lost(operation, ())
            if waste is not None and waste.how is Loss.STATEMENT and not waste.returned:
                yield Thrown(operation, waste)
        yield from self._lost_states()

    def _lost_states(self) -> Iterator[Thrown]:
        """States that transformations leave behind and no step starts from."""
        for operation in self._steps.of(NEXT_STATE):
            whole = self._steps.fates.thrown_away(operation.site, ())
            waste = self._steps.lost(operation, (1,))
            if waste is None or whole is not None or self._steps.stateless(operation):
                continue
            state = argument_of(operation, 1, "state")
            sure = (
                operation.callee is not None and operation.callee.role is Role.TRANSFORMATION and self._steps.in_loop(waste.site)
            )
            sure = sure or (state is not None and self._steps.returned_as_it_was(operation.site, state))
            if state is None or (waste.deliberate and not sure) or self._reset(operation):
                continue
            if waste.returned is None:
                yield Thrown(operation, waste, state)
            else:
                yield self._thrown(operation, waste)

    def _reset(self, operation: Operation) -> bool:
        """It works on a state that was made for it alone."""
        state = operation.arguments["state"]
        made = state.origin if isinstance(state, Tensor) else None
        return (
            isinstance(made, Operation)
            and made.name == INITIAL_STATE
            and made.site.function is operation.site.function
            and (
                self._steps.fates.scope(made.site.function).loop_around(made.site.statement)
                is self._steps.fates.scope(made.site.function).loop_around(operation.site.statement)
            )
        )

    def misassigned(self) -> Iterator[Misassigned]:
        """Updates in the place of the parameters or of the state."""
        for operation in self._steps.of(UPDATES):
            written = next((target for target in targets(operation.site) if isinstance(target, ast.Tuple)), None)
            if written is None or len(written.elts) != 2:
                continue
            first, second = map(variable, written.elts)
            state = argument_of(operation, 1, "state")
            if first is None:
                continue
            if first == self._steps.parameters(operation) and first != self._steps.gradients(operation):
                yield Misassigned(operation, first, second, written, self.apply)
            elif first == state and second != state:
                yield Misassigned(operation, first, second, written, self.apply, swapped=True)

    def _thrown(self, operation: Operation, waste: Waste) -> Thrown:
        meant_for = self._meant_for(operation)
        if waste.returned is None or meant_for is None:
            return Thrown(operation, waste, meant_for, meant_for)
        if waste.returned is not operation.site.function or not isinstance(waste.site.node, ast.Call):
            return Thrown(operation, waste)
        there = argument(waste.returned, meant_for, waste.site.node)
        names = returned_names(waste.returned)
        if not waste.path:
            return Thrown(operation, waste, there, there)
        if there is None or names is None or len(waste.path) != 1:
            return Thrown(operation, waste, there)
        names[waste.path[0]] = there
        return Thrown(operation, waste, there, ", ".join(names))

    def _repeated(self, ignored: Ignored) -> Thrown:
        """The call of a step starts from what it was given the turn before."""
        there, call, waste = ast.unparse(ignored.old), ignored.waste.site.node, ignored.waste
        waste = replace(waste, returned=ignored.function or ignored.done.site.function)
        names = returned_names(ignored.function) if ignored.function is not None else None
        if not waste.path:
            return Thrown(ignored.done, waste, there, there)
        if names is None or len(waste.path) != 1 or not isinstance(call, ast.Call):
            return Thrown(ignored.done, waste, there)
        names[waste.path[0]] = there
        return Thrown(ignored.done, waste, there, ", ".join(names))

    @property
    def apply(self) -> str | None:
        """How the user calls what applies updates; None where nothing that does is imported."""
        known = map(self._steps.program.name_of, functions_that(Meaning.APPLY_UPDATES))
        return next((name for name in known if name is not None), None)

    def _meant_for(self, operation: Operation) -> str | None:
        """The variable that holds what the result is to replace."""
        call = operation.site.node
        assert isinstance(call, ast.Call)
        if operation.name == NEXT_TRAIN_STATE:
            return variable(call.func.value) if isinstance(call.func, ast.Attribute) else None
        if operation.name == NEXT_STATE:
            return argument_of(operation, 1, "state")
        at, name = (2, "trainable_variables") if operation.name == MOVED else (0, "params")
        given = call.args[at] if len(call.args) > at else next((one.value for one in call.keywords if one.arg == name), None)
        return variable(given)


def _is_same(one: Value, other: Value) -> bool:
    """Both were computed by the same operation."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.origin is not None and one.origin is other.origin
    return one is other
