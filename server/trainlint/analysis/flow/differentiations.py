"""Gradients that are values: how they are taken, and what becomes of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from ...program import effects as fx
from ...program.differentiation import GRADIENT, WHOLE, operations_of, role_of
from ...program.frameworks.table import TRAINING_STEPS, is_module_base, table_of
from ...program.naming import affinity
from ...program.program import Program
from ...program.things import Operation, Parameters, Role, Sequence, Thing, Value
from ...program.values import things_in
from ...source.parse import Site
from ..wiring.kinship import related
from .fates import Fates, Waste, targets
from .gradients import Cut, Gradients, Reach
from .graph import Node

# Their only purpose is to stop gradients.
STOPPING = frozenset({"stop_gradient", "detach"})
# They bound or scale gradients, and hand them on.
CLIPPING = frozenset({"clip_by_norm", "clip_by_value", "clip_by_global_norm", "get_unscaled_gradients"})


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
    def by_parameters(self) -> bool:
        """They are taken by parameters, which stay, and not by tensors that were computed."""
        items = self.by.items if isinstance(self.by, Sequence) else (self.by,)
        known = [item for item in items if isinstance(item, Parameters) or (isinstance(item, Thing) and item.role is Role.LEAF)]
        return bool(items) and len(known) == len(items) and not any(isinstance(one, Parameters) and one.opaque for one in known)

    @property
    def called(self) -> str:
        """The call that takes them, without its arguments."""
        call = self.operation.site.node
        return ast.unparse(call.func) if isinstance(call, ast.Call) else ast.unparse(call)

    @property
    def nodes(self) -> tuple[ast.expr | None, ast.expr | None]:
        """The loss and what the gradients are taken by, where they are written in the call."""
        call = self.operation.site.node
        given = call.args if isinstance(call, ast.Call) else []
        named = {keyword.arg: keyword.value for keyword in call.keywords} if isinstance(call, ast.Call) else {}
        loss = given[0] if given else named.get("target")
        return loss, given[1] if len(given) > 1 else named.get("sources")

    @property
    def written(self) -> tuple[str, str]:
        """The same, as the user wrote them."""
        loss, by = (ast.unparse(node) if node is not None else "" for node in self.nodes)
        return loss.strip("[]"), by.strip("[]")


@dataclass(frozen=True, slots=True)
class UnappliedGradient:
    """The gradients of `taken` are thrown away, although the optimizer that is called `holder` could apply them.

    `optimizer` is that object, None where the library attaches it to the model. `name` is the variable that the gradients are
    left in, where there is one: that which `last` assigns, where they are taken or clipped. `alone`: no other optimizer could.
    """

    taken: Differentiation
    holder: str
    optimizer: Thing | None
    name: str | None
    alone: bool
    last: Site

    @property
    def _parameters(self) -> str:
        node = self.taken.nodes[1]
        return ast.unparse(node) if node is not None else ""

    @property
    def step(self) -> str:
        """The call that applies the gradients, as the library writes it."""
        spelling = spelling_of(self.taken.tape, self.optimizer)
        return spelling.format(optimizer=self.holder, gradients=self.name or "gradients", parameters=self._parameters)


def spelling_of(*makers: Thing | None) -> str:
    """How the library of the first of these objects that has one writes a step."""
    tables = (table_of(thing.created_by) for thing in makers if thing is not None and thing.created_by)
    known = [table.spellings["apply"] for table in tables if table is not None and "apply" in table.spellings]
    return known[0] if known else "{optimizer}.apply_gradients(zip({gradients}, {parameters}))"


class Way(Enum):
    """How a loss got lost to the tape that is to differentiate it."""

    OUTSIDE = "computed where the tape does not record"
    CUT = "an operation without gradients"
    STOPPED = "gradients are stopped on purpose"


@dataclass(frozen=True, slots=True)
class DeadGradient:
    """All gradients of `taken` are None: the loss is cut off at `cut`. `assumed`: a loss function has no parameters, we guess."""

    taken: Differentiation
    way: Way
    cut: Cut
    assumed: bool

    @property
    def computed(self) -> str:
        """What the cut computes: the variable that it is assigned to, or the expression."""
        statement, node = self.cut.operation.site.statement, self.cut.operation.site.node
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], (ast.Name, ast.Attribute)):
            return ast.unparse(statement.targets[0])
        return ast.unparse(node).lstrip("-(~")


@dataclass(frozen=True, slots=True)
class ForeignGradient:
    """The loss of `taken` does not depend on the parameters that its gradients are taken by, but on others.

    `meant` is how the program writes those, where it applies the gradients to them.
    """

    taken: Differentiation
    meant: str | None


@dataclass(frozen=True, slots=True)
class MisdirectedGradient:
    """The gradients of `taken` move the parameters of other objects at `step`."""

    taken: Differentiation
    step: fx.Apply
    sure: bool

    @property
    def moved(self) -> ast.expr | None:
        """What is moved, where it is written in the call of the step."""
        call = self.step.site.node
        first = call.args[0] if isinstance(call, ast.Call) and call.args else None
        given = first.args if isinstance(first, ast.Call) else call.args if isinstance(call, ast.Call) else []
        return given[1] if len(given) == 2 else None


class Differentiations:
    """Every place where gradients are taken as values."""

    def __init__(self, program: Program, fates: Fates) -> None:
        self._program = program
        self._fates = fates
        found: dict[ast.AST, Operation] = {}
        for operation in program.operations:
            if operation.name == GRADIENT:
                found[operation.site.node] = operation
        self._gradients: dict[Thing | None, Gradients] = {}
        self.all = [Differentiation(operation) for operation in found.values()]

    def gradients(self, taken: Differentiation) -> Gradients:
        """What the tape of `taken` lets through."""
        tape = taken.tape
        if tape not in self._gradients:
            self._gradients[tape] = Gradients(self._program, tape)
        return self._gradients[tape]

    def reach(self, taken: Differentiation) -> Reach | None:
        """What the gradients of `taken` flow to; None where nobody knows what its tape records."""
        tape = taken.tape
        recorded = WHOLE in taken.operation.arguments if tape is None else tape.in_sight and "with" in tape.uses
        if not recorded:
            return None
        return self.gradients(taken).reach(Node(taken.loss))

    def dead(self) -> Iterator[DeadGradient]:
        """Losses through which no gradient gets to any parameter."""
        for taken in self.all:
            reach = self.reach(taken)
            if reach is None or not reach.nothing or not taken.by_parameters or not self._trains:
                continue
            if reach.assumed and any(self._is_called(owner) for owner in taken.owners):
                continue
            severed = self.gradients(taken).severed(reach) or list(reach.cuts.values())
            if severed:
                cut = severed[0]
                way = Way.OUTSIDE if not cut.operation.cuts else Way.STOPPED if cut.operation.name in STOPPING else Way.CUT
                yield DeadGradient(taken, way, cut, reach.assumed)

    def _is_called(self, owner: Thing) -> bool:
        """What has the parameters is itself called: it is no loss function without any, whatever its name says."""
        return any(operation.callee is owner for operation in self._program.operations)

    def foreign(self) -> Iterator[ForeignGradient]:
        """Gradients by parameters that their loss does not depend on."""
        for taken in self.all:
            reach = self.reach(taken)
            if reach is None or reach.hidden or not taken.by_parameters or reach.made_leaves or not self._trains:
                continue
            trained = {*reach.modules, *reach.leaves}
            models = {thing for thing in trained if thing.role in (Role.MODULE, Role.LEAF) or not thing.in_sight}
            if not models or not taken.owners or any(related(one, owner) for one in trained for owner in taken.owners):
                continue
            if all(thing.in_sight for thing in (*trained, *taken.owners)):
                yield ForeignGradient(taken, self._moved_by(taken, trained))

    def _moved_by(self, taken: Differentiation, trained: set[Thing]) -> str | None:
        """How the parameters of `trained` are written where the gradients are applied to them."""
        for step in self._applications:
            if taken.operation in (one for operation in operations_of(step.gradients) for one in self._behind(operation)):
                moved = MisdirectedGradient(taken, step, True).moved
                if moved is not None and any(related(one, other) for one in trained for other in step.parameters.owners):
                    return ast.unparse(moved)
        return None

    def misdirected(self) -> Iterator[MisdirectedGradient]:
        """Gradients that are applied to other parameters than those that they are taken by."""
        told: set[ast.AST] = set()
        foreign = {one.taken.operation for one in self.foreign()}
        for step in self._applications:
            moved = step.parameters
            origins = [self._behind(operation) for operation in operations_of(step.gradients)]
            found = [Differentiation(operation) for operations in origins for operation in operations]
            if step.site.node in told or moved.opaque or not moved.owners or not found or not all(origins):
                continue
            if not all(one.by_parameters for one in found):
                continue
            owners = {owner for one in found for owner in one.owners}
            if any(related(one, other) for one in owners for other in moved.owners) or foreign & {one.operation for one in found}:
                continue
            if any(self._stand_for_each_other(one, other) for one in owners for other in moved.owners):
                continue
            told.add(step.site.node)
            yield MisdirectedGradient(found[0], step, all(thing.in_sight for thing in (*owners, *moved.owners)))

    def _stand_for_each_other(self, taken: Thing, moved: Thing) -> bool:
        """Two of a kind that are made in different places, or by one helper: workers move a shared model by their gradients."""
        if not moved.in_sight:
            same = taken.name.rpartition(".")[2] == moved.name.rpartition(".")[2]
            return taken.in_sight or same
        homes = {create.thing: create.site.function for create in self._creations if create.thing in (taken, moved)}
        return taken.node is moved.node or (taken.cls is moved.cls is not None and len(set(homes.values())) > 1)

    @cached_property
    def _creations(self) -> list[fx.Create]:
        return [effect for body in self._program.bodies for effect in fx.leaves(body) if isinstance(effect, fx.Create)]

    @cached_property
    def _trains(self) -> bool:
        """There is an optimizer: gradients are taken to train, and not to be looked at."""
        return any(role_of(thing) is Role.OPTIMIZER for thing in self._program.things)

    def _behind(self, operation: Operation, depth: int = 8) -> list[Operation]:
        """The gradients that a value was made of; none where any part of it comes from elsewhere."""
        if operation.name == GRADIENT:
            return [operation]
        found: list[Operation] = []
        for one in operations_of(Sequence(operation.inputs)) if depth else ():
            found += self._behind(one, depth - 1)
        return found

    def unapplied(self) -> Iterator[UnappliedGradient]:
        """Gradients by the parameters of models that nothing reads; by variables of the program's own, those taken in a loop."""
        minimised = {step.site.node for step in self._applications}
        for taken in self.all:
            if not taken.by_parameters or not (isinstance(taken.by, Parameters) or taken.operation.turns):
                continue
            site = taken.operation.site
            if site.node in minimised:
                continue
            waste = self._fates.thrown_away(site)
            if waste is None:
                site, waste = self._clipped(taken)
            if waste is None or waste.deliberate or (waste.returned and self._are_moved(taken.owners)):
                continue
            name = next(iter(_names(site)), None)
            candidates = self._optimizers(taken)
            attached = self._attached(taken)
            if attached is not None:
                yield UnappliedGradient(taken, f"{attached}.optimizer", None, name, True, site)
            elif candidates and (len(candidates) == 1 or isinstance(taken.by, Parameters)):
                holder = candidates[0].name or f"{taken.written[1].rpartition('.')[0] or 'model'}.optimizer"
                yield UnappliedGradient(taken, holder, candidates[0], name, len(candidates) == 1, site)

    def _are_moved(self, owners: frozenset[Thing]) -> bool:
        """Some step moves parameters of these objects."""
        return any(related(one, other) for step in self._applications for one in owners for other in step.parameters.owners)

    def _clipped(self, taken: Differentiation) -> tuple[Site, Waste | None]:
        """Where the gradients are clipped, if that is all that is done with them, and how what comes of it is thrown away."""
        site = taken.operation.site
        clips = [
            one.site
            for one in self._program.operations
            if one.name in CLIPPING and one.site.function is site.function and taken.operation in self._all_behind(one)
        ]
        statement = clips[0].statement if clips else None
        if not isinstance(statement, ast.Assign) or any(one.statement is not statement for one in clips):
            return site, None
        scope = self._fates.scope(site.function)
        reads = [read for name in _names(site) for read in scope.reads(site.statement, name).names]
        if not reads or any(scope.statement_of[read] is not statement for read in reads):
            return site, None
        path = (0,) if isinstance(statement.targets[0], ast.Tuple) else ()
        clipped = Site(statement.value, statement, site.function)
        return clipped, self._fates.thrown_away(clipped, path)

    def _all_behind(self, operation: Operation) -> list[Operation]:
        return [one for behind in operations_of(Sequence(operation.inputs)) for one in self._behind(behind)]

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
            yield from entry.of(fx.Apply)


def _names(site: Site) -> list[str]:
    """The variables that the value at `site` is assigned to, or the first part of it."""
    first = [target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target for target in targets(site)]
    return [target.id for target in first if isinstance(target, ast.Name)]
