"""Gradients that are values: how they are taken, and what becomes of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.differentiation import GRADIENT, role_of
from ...program.frameworks.table import TRAINING_STEPS, is_module_base, table_of
from ...program.naming import affinity
from ...program.program import Program
from ...program.things import Operation, Parameters, Role, Thing, Value, things_in
from .fates import Fates, targets


@dataclass(frozen=True, slots=True)
class Differentiation:
    """`operation` takes the gradients of a loss by parameters, with `tape` where one recorded it."""

    operation: Operation

    @property
    def tape(self) -> Thing | None:
        tape = self.operation.arguments.get("tape")
        return tape if isinstance(tape, Thing) else None

    @property
    def loss(self) -> Value:
        return self.operation.arguments["loss"]

    @property
    def by(self) -> Value:
        """What the gradients are taken by."""
        return self.operation.arguments["by"]

    @property
    def owners(self) -> frozenset[Thing]:
        """The objects by whose parameters they are taken."""
        return frozenset(things_in(self.by))

    @property
    def written(self) -> tuple[str, str]:
        """The loss and what the gradients are taken by, as the user wrote them."""
        call = self.operation.site.node
        given = call.args if isinstance(call, ast.Call) else []
        named = {keyword.arg: keyword.value for keyword in call.keywords} if isinstance(call, ast.Call) else {}
        loss = given[0] if given else named.get("target")
        by = given[1] if len(given) > 1 else named.get("sources")
        return ast.unparse(loss) if loss is not None else "", ast.unparse(by) if by is not None else ""


@dataclass(frozen=True, slots=True)
class UnappliedGradient:
    """The gradients of `taken` are thrown away, although the optimizer that is called `holder` could apply them.

    `optimizer` is that object, None where the library attaches it to the model. `name` is the variable that the gradients are
    left in, where there is one. `alone`: no other optimizer could.
    """

    taken: Differentiation
    holder: str
    optimizer: Thing | None
    name: str | None
    alone: bool

    @property
    def step(self) -> str:
        """The call that applies the gradients, as the library writes it."""
        spelling = spelling_of(self.taken.tape, self.optimizer)
        return spelling.format(optimizer=self.holder, gradients=self.name or "gradients", parameters=self.taken.written[1])


def spelling_of(*makers: Thing | None) -> str:
    """How the library of the first of these objects that has one writes a step."""
    tables = (table_of(thing.created_by) for thing in makers if thing is not None and thing.created_by)
    known = [table.spellings["apply"] for table in tables if table is not None and "apply" in table.spellings]
    return known[0] if known else "{optimizer}.apply_gradients(zip({gradients}, {parameters}))"


class Differentiations:
    """Every place where gradients are taken as values."""

    def __init__(self, program: Program, fates: Fates) -> None:
        self._program = program
        self._fates = fates
        found: dict[ast.AST, Operation] = {}
        for operation in program.operations:
            if operation.name == GRADIENT:
                found[operation.site.node] = operation
        self.all = [Differentiation(operation) for operation in found.values()]

    def unapplied(self) -> Iterator[UnappliedGradient]:
        """Gradients by the parameters of models that nothing reads."""
        for taken in self.all:
            if not isinstance(taken.by, Parameters):
                continue
            waste = self._fates.thrown_away(taken.operation.site)
            if waste is None or waste.deliberate:
                continue
            names = [target.id for target in targets(taken.operation.site) if isinstance(target, ast.Name)]
            name = names[0] if names else None
            candidates = self._optimizers(taken)
            attached = self._attached(taken)
            if attached is not None:
                yield UnappliedGradient(taken, f"{attached}.optimizer", None, name, True)
            elif candidates:
                yield UnappliedGradient(taken, candidates[0].name, candidates[0], name, len(candidates) == 1)

    def _attached(self, taken: Differentiation) -> str | None:
        """The name of the model in whose own training step the gradients are taken: it was compiled with an optimizer."""
        function = taken.operation.site.function
        info, _ = self._program.machine.methods.get(function, (None, None)) if self._program.machine is not None else (None, None)
        if info is None or not isinstance(function, ast.FunctionDef) or not function.args.args:
            return None
        trains = function.name in TRAINING_STEPS and any(is_module_base(base) for base in info.outside)
        return function.args.args[0].arg if trains else None

    def _optimizers(self, taken: Differentiation) -> list[Thing]:
        """Those that could apply the gradients: by their names for these parameters, or that apply none."""
        applied = {optimizer for effect in self._applications for optimizer in effect.optimizers}
        known = [thing for thing in self._program.things if role_of(thing) is Role.OPTIMIZER]
        idle = [thing for thing in known if thing not in applied]
        named = [thing for thing in idle if any(affinity(thing.name, owner.name) for owner in taken.owners)]
        return named or idle or known

    @property
    def _applications(self) -> Iterator[fx.Apply]:
        for entry in self._program.entries:
            for effect in entry.effects:
                if isinstance(effect, fx.Apply):
                    yield effect
