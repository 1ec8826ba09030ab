"""Steps by values whose state is made anew in each turn."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program.effects import Create
from ...program.functional import IN_PLACE, INITIAL_STATE, NEXT_TRAIN_STATE, UPDATES
from ...program.things import Operation, Role, Tensor, Thing
from ...source.nodes import walk
from ...source.parse import Site
from .fates import targets
from .steps import Steps
from .written import (
    handed_to,
    reads,
    variable,
)


@dataclass(frozen=True, slots=True)
class Reset:
    """`step` works on a state that is made anew in each turn, at `made` in `loop`; `state` is its variable."""

    step: Operation
    made: Site
    state: str | None
    loop: ast.stmt | None = None


class Resets:
    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def all(self) -> Iterator[Reset]:
        """Steps whose state is made anew in each turn."""
        for operation in self._steps.of(UPDATES):
            state = operation.arguments["state"]
            made = state.origin if isinstance(state, Tensor) else None
            if not isinstance(made, Operation) or made.name != INITIAL_STATE or self._steps.stateless(operation):
                continue
            loop = self._loop(made.site)
            if self._ignores_the_given(operation, made):
                yield Reset(operation, made.site, self._variable_of(made))
                continue
            if (
                loop is None
                or made.turns[-1:] != operation.turns[-1:]
                or not operation.turns
                or operation.turns[-1][0] is not loop
            ):
                continue
            if self._on_one_path(made.site, loop) and self._goes_on(made, loop):
                yield Reset(operation, made.site, self._variable_of(made), loop)
        for name in (NEXT_TRAIN_STATE, IN_PLACE):
            for operation in self._steps.of(name):
                built = operation.callee
                if built is None or built.role is not Role.TRAIN_STATE or built.node is None or built.copy_of is not None:
                    continue
                loop = self._steps.fates.scope(operation.site.function).loop_around(operation.site.statement)
                site = self._built_at(built)
                if loop is None or site is None or site.function is not operation.site.function:
                    continue
                if self._steps.fates.scope(site.function).loop_around(site.statement) is loop and self._on_one_path(site, loop):
                    yield Reset(operation, site, built.name or None, loop)

    def _ignores_the_given(self, step: Operation, made: Operation) -> bool:
        """A function that is called in a loop, and is handed the state of the turn before, begins with a new one."""
        function = step.site.function
        if not step.turns or made.turns != step.turns or made.site.function is not function or self._steps.in_loop(step.site):
            return False
        kept = next((one.elts[1] for one in targets(step.site) if isinstance(one, ast.Tuple) and len(one.elts) == 2), None)
        name = variable(kept)
        if name is None or name not in handed_to(function):
            return False
        return any(isinstance(part, ast.Return) and part.value is not None and reads(part.value, name) for part in walk(function))

    def _loop(self, site: Site) -> ast.stmt | None:
        return self._steps.fates.scope(site.function).loop_around(site.statement)

    def _on_one_path(self, site: Site, loop: ast.stmt) -> bool:
        """The statement runs in every turn of the loop."""
        return site.statement in getattr(loop, "body", ())

    def _goes_on(self, made: Operation, loop: ast.stmt) -> bool:
        """The parameters that the state is made for go on from turn to turn: none of them starts anew before it does."""
        scope = self._steps.fates.scope(made.site.function)
        call = made.site.node
        names = {part.id for one in getattr(call, "args", ()) for part in ast.walk(one) if isinstance(part, ast.Name)}
        body = getattr(loop, "body", [])
        before = body[: body.index(made.site.statement)]
        carried = {name for name in names if name in scope.assigned(loop)}
        return bool(carried or any("." in ast.unparse(one) for one in getattr(call, "args", ()))) and not any(
            name in scope.assigned(statement) for statement in before for name in names
        )

    def _variable_of(self, made: Operation) -> str | None:
        return next((name for target in targets(made.site) if (name := variable(target)) is not None), None)

    def _built_at(self, thing: Thing) -> Site | None:
        for entry in self._steps.program.entries:
            for effect in entry.effects:
                if isinstance(effect, Create) and effect.thing is thing:
                    return effect.site
        return None
