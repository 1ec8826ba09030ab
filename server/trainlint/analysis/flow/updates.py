"""Training by values: what becomes of gradients, of the updates made of them, and of the states that replace old ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...program.differentiation import GRADIENT
from ...program.effects import Create
from ...program.frameworks.table import TRAINING_STEPS, Meaning, functions_that, keeps_state, maker, spelling
from ...program.functional import APPLIED, IN_PLACE, INITIAL_STATE, MOVED, NEXT_STATE, NEXT_TRAIN_STATE, UPDATES, VALUE
from ...program.naming import LOSS, MEASURING, MODEL, suggests
from ...program.program import Program
from ...program.things import NONE, Constant, Function, Operation, Partial, Role, Sequence, Tensor, Thing, Value
from ...source.nodes import walk
from ...source.parse import Site
from .fates import Fates, Loss, Path, Waste, targets
from .ignored import Ignored, IgnoredSteps
from .liveness import Scope

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
class Reset:
    """`step` works on a state that is made anew in each turn, at `made` in `loop`; `state` is its variable."""

    step: Operation
    made: Site
    state: str | None
    loop: ast.stmt | None = None


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


@dataclass(frozen=True, slots=True)
class UnusedGradients:
    """The gradients in the variable `name` are never read; `holder` could apply them, by the statements `applying`.

    `last` is where they are assigned, averaged or not.
    """

    taken: Operation
    name: str
    last: Site
    holder: str | None
    applying: tuple[str, ...]

    @property
    def statements(self) -> tuple[str, ...]:
        return tuple(one.format(gradients=self.name) for one in self.applying)


class Updates:
    def __init__(self, program: Program, fates: Fates) -> None:
        self._program = program
        self._fates = fates
        self._ignored = IgnoredSteps(program, fates)
        self._all: dict[str, dict[ast.AST, list[Operation]]] = {}
        for operation in program.operations:
            self._all.setdefault(operation.name, {}).setdefault(operation.site.node, []).append(operation)

    def of(self, name: str) -> Iterator[Operation]:
        """Every operation of this name in a call, each place once: in a loop, where it is ever computed in one."""
        for node, computed in self._all.get(name, {}).items():
            if isinstance(node, ast.Call):
                yield max(computed, key=lambda one: len(one.turns))

    @property
    def unapplied(self) -> Iterator[Unapplied]:
        """Updates that nothing applies."""
        for operation in self.of(UPDATES):
            waste = self._lost(operation, (0,))
            instead = self._gradients_applied(operation)
            name = waste.name if waste is not None else self._only_measured(operation)
            name = name or (self._updates_in(operation) if instead is not None else None)
            if name is not None and not name.startswith("_") and not self._in_vain(operation):
                yield Unapplied(operation, name, self._parameters(operation), self.apply, instead)

    def _updates_in(self, operation: Operation) -> str | None:
        """The variable of updates."""
        pairs = (target for target in targets(operation.site) if isinstance(target, ast.Tuple) and target.elts)
        return next((first.id for pair in pairs if isinstance(first := pair.elts[0], ast.Name)), None)

    def _gradients_applied(self, operation: Operation) -> ast.expr | None:
        """The gradients, where they are applied in the place of the updates that were made of them."""
        gradients = _argument_at(operation, 0, "updates")
        applied = [one for one in self.of(APPLIED) if one.site.function is operation.site.function]
        moved = _argument_at(operation, 2, "params")
        for one in applied:
            given = _argument_at(one, 1, "updates")
            same = given is not None and gradients is not None and ast.unparse(given) == ast.unparse(gradients)
            to = _argument_at(one, 0, "params")
            other = moved is not None and to is not None and ast.unparse(moved) != ast.unparse(to)
            if same and not other and _is_same(one.arguments["updates"], operation.arguments["gradients"]):
                return given
        return None

    def _only_measured(self, operation: Operation) -> str | None:
        """The variable of updates that are looked at only, where the function returns the parameters as they were."""
        moved = self._parameters(operation)
        if moved is None or not self.returned_as_it_was(operation.site, moved):
            return None
        for target in targets(operation.site):
            first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else None
            if isinstance(first, ast.Name):
                scope = self._fates.scope(operation.site.function)
                reads = scope.reads(operation.site.statement, first.id)
                if reads.names and not reads.captured and all(_measures(scope, read) for read in reads.names):
                    return first.id
        return None

    def returned_as_it_was(self, site: Site, name: str) -> bool:
        """The function returns the variable, which nothing assigns after the statement at `site` nor in it."""
        scope = self._fates.scope(site.function)
        if "." in name or not isinstance(site.function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
        if name in scope.assigned(site.statement):
            return False
        found = scope.reads(site.statement, name)
        return not found.by and any(isinstance(scope.statement_of[read], ast.Return) for read in found.names)

    @property
    def discarded(self) -> Iterator[Thrown]:
        """Parameters and train states that a step returns and nobody keeps."""
        restarted = {reset.step for reset in self.resets()}
        for ignored in self._ignored:
            if ignored.done not in restarted:
                yield self._repeated(ignored)
        for name in (APPLIED, NEXT_TRAIN_STATE):
            for operation in self.of(name):
                if operation in restarted:
                    continue
                waste = self._lost(operation, ())
                if waste is not None and not waste.deliberate:
                    yield self._thrown(operation, waste)
        for operation in self.of(MOVED):
            waste = self._lost(operation, (0,))
            if waste is not None:
                yield self._thrown(operation, waste)
        for operation in self.of(UPDATES):
            waste = self._lost(operation, ())
            if waste is not None and waste.how is Loss.STATEMENT and not waste.returned:
                yield Thrown(operation, waste)
        yield from self._lost_states()

    def _lost_states(self) -> Iterator[Thrown]:
        """States that transformations leave behind and no step starts from."""
        for operation in self.of(NEXT_STATE):
            whole = self._fates.thrown_away(operation.site, ())
            waste = self._lost(operation, (1,))
            if waste is None or whole is not None or self.stateless(operation):
                continue
            state = _argument_of(operation, 1, "state")
            sure = operation.callee is not None and operation.callee.role is Role.TRANSFORMATION and self.in_loop(waste.site)
            sure = sure or (state is not None and self.returned_as_it_was(operation.site, state))
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
                self._fates.scope(made.site.function).loop_around(made.site.statement)
                is self._fates.scope(made.site.function).loop_around(operation.site.statement)
            )
        )

    def resets(self) -> Iterator[Reset]:
        """Steps whose state is made anew in each turn."""
        for operation in self.of(UPDATES):
            state = operation.arguments["state"]
            made = state.origin if isinstance(state, Tensor) else None
            if not isinstance(made, Operation) or made.name != INITIAL_STATE or self.stateless(operation):
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
            for operation in self.of(name):
                built = operation.callee
                if built is None or built.role is not Role.TRAIN_STATE or built.node is None or built.copy_of is not None:
                    continue
                loop = self._fates.scope(operation.site.function).loop_around(operation.site.statement)
                site = self._built_at(built)
                if loop is None or site is None or site.function is not operation.site.function:
                    continue
                if self._fates.scope(site.function).loop_around(site.statement) is loop and self._on_one_path(site, loop):
                    yield Reset(operation, site, built.name or None, loop)

    def _ignores_the_given(self, step: Operation, made: Operation) -> bool:
        """A function that is called in a loop, and is handed the state of the turn before, begins with a new one."""
        function = step.site.function
        if not step.turns or made.turns != step.turns or made.site.function is not function or self.in_loop(step.site):
            return False
        kept = next((one.elts[1] for one in targets(step.site) if isinstance(one, ast.Tuple) and len(one.elts) == 2), None)
        name = variable(kept)
        if name is None or name not in _handed_to(function):
            return False
        return any(
            isinstance(part, ast.Return) and part.value is not None and _reads(part.value, name) for part in walk(function)
        )

    def _loop(self, site: Site) -> ast.stmt | None:
        return self._fates.scope(site.function).loop_around(site.statement)

    def _on_one_path(self, site: Site, loop: ast.stmt) -> bool:
        """The statement runs in every turn of the loop."""
        return site.statement in getattr(loop, "body", ())

    def _goes_on(self, made: Operation, loop: ast.stmt) -> bool:
        """The parameters that the state is made for go on from turn to turn: none of them starts anew before it does."""
        scope = self._fates.scope(made.site.function)
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
        for entry in self._program.entries:
            for effect in entry.effects:
                if isinstance(effect, Create) and effect.thing is thing:
                    return effect.site
        return None

    def stateless(self, operation: Operation) -> bool:
        """What transforms the gradients keeps nothing, or may be such."""
        made = operation.callee
        if made is None or made.created_by is None:
            return False
        switch = keeps_state(made.created_by)
        if isinstance(switch, bool):
            return not switch
        given = made.arguments.get(switch.argument)
        if given is None and switch.position is not None and switch.position < len(made.positional):
            given = made.positional[switch.position]
        scheduled = not isinstance(made.arguments.get("lr"), Constant)
        return not scheduled and (given is None or given == Constant(0) or given == NONE)

    def misassigned(self) -> Iterator[Misassigned]:
        """Updates in the place of the parameters or of the state."""
        for operation in self.of(UPDATES):
            written = next((target for target in targets(operation.site) if isinstance(target, ast.Tuple)), None)
            if written is None or len(written.elts) != 2:
                continue
            first, second = map(variable, written.elts)
            state = _argument_of(operation, 1, "state")
            if first is None:
                continue
            if first == self._parameters(operation) and first != self._gradients(operation):
                yield Misassigned(operation, first, second, written, self.apply)
            elif first == state and second != state:
                yield Misassigned(operation, first, second, written, self.apply, swapped=True)

    def unused_gradients(self) -> Iterator[UnusedGradients]:
        """Gradients that nothing reads, in a program that has something to apply them."""
        taken = list(self.of(GRADIENT))
        trains = any(self._all.get(name) for name in (INITIAL_STATE, UPDATES, NEXT_TRAIN_STATE, IN_PLACE, MOVED)) or any(
            _can_apply(thing) for thing in self._program.things if taken
        )
        for operation in taken if trains else ():
            if "symbols" not in operation.arguments:
                continue
            with_value = any(one.site.node is operation.site.node for one in self.of(VALUE))
            has_aux = operation.arguments["has_aux"] == Constant(True)
            path = (1,) if with_value else (0,) if has_aux else ()
            if suggests(getattr(operation.site.function, "name", ""), MEASURING):
                continue
            for place, number in _numbers(operation):
                if not _by_parameters(operation, number):
                    continue
                waste = self._lost(operation, (*path, *place))
                if waste is not None and not waste.returned and waste.name is not None and not waste.deliberate:
                    yield UnusedGradients(operation, waste.name, waste.site, *self._holder(operation, number))
                    break

    def _holder(self, operation: Operation, number: int) -> tuple[str | None, tuple[str, ...]]:
        """What could apply the gradients by an argument, as the user calls it, and the statements that do."""
        call = operation.site.node
        assert isinstance(call, ast.Call)
        first = call.args[number] if number < len(call.args) else None
        if isinstance(first, ast.Attribute) and first.attr == "params" and (state := variable(first.value)) is not None:
            return state, self._spelled(NEXT_TRAIN_STATE, state, "")
        holders = {thing.name for thing in self._program.things if thing.role is Role.TRAIN_STATE and thing.name}
        by = variable(first)
        if len(holders) == 1 and by is not None and operation.site.function is not self._program.tree:
            (holder,) = holders
            known = holder in parameters_of(operation.site.function)
            return holder, self._spelled(IN_PLACE, holder, by) if known else ()
        return None, ()

    def _spelled(self, how: str, holder: str, parameters: str) -> tuple[str, ...]:
        """How the library writes a step of `holder`, the gradients left open."""
        written = spelling(how)
        return (written.format(holder=holder, parameters=parameters, gradients="{gradients}"),) if written is not None else ()

    def _thrown(self, operation: Operation, waste: Waste) -> Thrown:
        meant_for = self._meant_for(operation)
        if waste.returned is None or meant_for is None:
            return Thrown(operation, waste, meant_for, meant_for)
        if waste.returned is not operation.site.function or not isinstance(waste.site.node, ast.Call):
            return Thrown(operation, waste)
        there = _argument(waste.returned, meant_for, waste.site.node)
        names = _returned_names(waste.returned)
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
        names = _returned_names(ignored.function) if ignored.function is not None else None
        if not waste.path:
            return Thrown(ignored.done, waste, there, there)
        if names is None or len(waste.path) != 1 or not isinstance(call, ast.Call):
            return Thrown(ignored.done, waste, there)
        names[waste.path[0]] = there
        return Thrown(ignored.done, waste, there, ", ".join(names))

    @property
    def apply(self) -> str | None:
        """How the user calls what applies updates; None where nothing that does is imported."""
        known = map(self._program.name_of, functions_that(Meaning.APPLY_UPDATES))
        return next((name for name in known if name is not None), None)

    def _in_vain(self, operation: Operation) -> bool:
        """The whole call stands alone: there is no telling what is missing."""
        return isinstance(operation.site.statement, ast.Expr) and operation.site.statement.value is operation.site.node

    def _lost(self, operation: Operation, path: Path) -> Waste | None:
        """How the result of an operation that a program repeats gets lost, or stands alone."""
        wastes = self._fates.wastes(operation.site, path)
        if not wastes:
            return None
        if wastes[0].returned:
            repeated = (one for one in wastes if self.in_loop(one.site) or self._stands_alone(one))
            return next((one for one in repeated if not self._ignored.is_aside(one.site, timed=True)), None)
        if self.repeats(operation):
            return wastes[0]
        alone = wastes[0].how is Loss.STATEMENT and operation.name in (APPLIED, NEXT_TRAIN_STATE)
        return wastes[0] if alone and not self._ignored.is_aside(operation.site, timed=True) else None

    def _stands_alone(self, waste: Waste) -> bool:
        """A function that is handed what is moved drops the whole of what the call returns: nothing else can come of it."""
        call = waste.site.node
        if waste.how is not Loss.STATEMENT or not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            return False
        return isinstance(call.func.value, ast.Name) and call.func.value.id in parameters_of(waste.site.function)

    def repeats(self, operation: Operation) -> bool:
        """It runs in a loop, or in a function that is handed what it works on: one step of several."""
        if operation.turns or self.in_loop(operation.site) or getattr(operation.site.function, "name", "") in TRAINING_STEPS:
            return True
        function = operation.site.function
        names = {name.id for name in ast.walk(operation.site.node) if isinstance(name, ast.Name)}
        if not names.isdisjoint(parameters_of(function)):
            return True
        if not isinstance(function, ast.FunctionDef) or not function.col_offset:
            return False
        given = {_root(one) for one in _arguments(operation)} - {None}
        return not given <= self._fates.scope(function).own

    def in_loop(self, site: Site) -> bool:
        """The call is in a loop of its own function."""
        return self._fates.scope(site.function).loop_around(site.statement) is not None

    def _meant_for(self, operation: Operation) -> str | None:
        """The variable that holds what the result is to replace."""
        call = operation.site.node
        assert isinstance(call, ast.Call)
        if operation.name == NEXT_TRAIN_STATE:
            return variable(call.func.value) if isinstance(call.func, ast.Attribute) else None
        if operation.name == NEXT_STATE:
            return _argument_of(operation, 1, "state")
        at, name = (2, "trainable_variables") if operation.name == MOVED else (0, "params")
        given = call.args[at] if len(call.args) > at else next((one.value for one in call.keywords if one.arg == name), None)
        return variable(given)

    def _parameters(self, operation: Operation) -> str | None:
        """The variable that holds the parameters that updates are for: given along, or differentiated by."""
        call = operation.site.node
        assert isinstance(call, ast.Call)
        given = call.args[2] if len(call.args) > 2 else next((one.value for one in call.keywords if one.arg == "params"), None)
        return variable(given) or self._differentiated(operation.arguments["gradients"])

    def _differentiated(self, gradients: Value) -> str | None:
        taken = gradients.origin if isinstance(gradients, Tensor) else None
        if not isinstance(taken, Operation) or taken.name != GRADIENT or not isinstance(taken.site.node, ast.Call):
            return None
        at = taken.arguments.get("argnums")
        number = at.value if isinstance(at, Constant) and isinstance(at.value, int) else None
        args = taken.site.node.args
        return variable(args[number]) if number is not None and number < len(args) else None

    def _gradients(self, operation: Operation) -> str | None:
        return _argument_of(operation, 0, "updates")


_LOOKING = frozenset(
    {"norm", "norms", "leaves", "l2", "rms", "mean", "max", "abs", "histogram", "log", "metric", "metrics", "isfinite", "finite"}
)


def _numbers(taken: Operation) -> list[tuple[Path, int]]:
    """The gradients as a whole, or those by each of several arguments: where they are, and the number of the argument."""
    wanted = taken.arguments.get("argnums")
    one = wanted.value if isinstance(wanted, Constant) and isinstance(wanted.value, int) else 0
    several = wanted.items if isinstance(wanted, Sequence) else ()
    numbers = [item.value for item in several if isinstance(item, Constant) and isinstance(item.value, int)]
    return [((), one), *(((place,), number) for place, number in enumerate(numbers) if len(numbers) == len(several))]


def _handed_to(function: ast.AST) -> frozenset[str]:
    """The parameters of a function, and what it takes out of one that is a tuple."""
    names = parameters_of(function)
    assigned = [part for part in walk(function) if isinstance(part, ast.Assign) and variable(part.value) in names]
    tuples = [target for part in assigned for target in part.targets if isinstance(target, ast.Tuple)]
    return names | {one.id for target in tuples for one in target.elts if isinstance(one, ast.Name)}


def _reads(node: ast.AST, name: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id == name for part in walk(node))


def _measures(scope: Scope, read: ast.AST) -> bool:
    """The nearest call around a read takes the measure of what it is given."""
    node = scope.parents.get(read)
    while node is not None and not isinstance(node, (ast.Call, ast.stmt)):
        node = scope.parents.get(node)
    return isinstance(node, ast.Call) and suggests(ast.unparse(node.func).rpartition(".")[2], _LOOKING)


def _argument_at(operation: Operation, position: int, keyword: str) -> ast.expr | None:
    """An argument of a call, as it is written."""
    call = operation.site.node
    if not isinstance(call, ast.Call) or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    if len(call.args) > position:
        return call.args[position]
    return next((one.value for one in call.keywords if one.arg == keyword), None)


def _arguments(operation: Operation) -> list[ast.expr]:
    call = operation.site.node
    return [*call.args, *(one.value for one in call.keywords)] if isinstance(call, ast.Call) else []


def _root(node: ast.expr) -> str | None:
    """The variable that an attribute, or the attribute of one, belongs to."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _is_same(one: Value, other: Value) -> bool:
    """Both were computed by the same operation."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.origin is not None and one.origin is other.origin
    return one is other


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


def _argument_of(operation: Operation, position: int, keyword: str) -> str | None:
    """The variable that a call is given."""
    call = operation.site.node
    assert isinstance(call, ast.Call)
    given = call.args[position] if len(call.args) > position else None
    return variable(given or next((one.value for one in call.keywords if one.arg == keyword), None))


def parameters_of(function: ast.AST) -> frozenset[str]:
    """The names of what a function is handed."""
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return frozenset()
    names = function.args
    return frozenset(argument.arg for argument in (*names.posonlyargs, *names.args, *names.kwonlyargs))


def _argument(function: ast.AST, parameter: str, call: ast.Call) -> str | None:
    """The variable that a call of a function in sight gives for one of its parameters."""
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    names = names[1:] if names[:1] == ["self"] else names
    for keyword in call.keywords:
        if keyword.arg == parameter:
            return variable(keyword.value)
    at = names.index(parameter) if parameter in names else len(call.args)
    return variable(call.args[at]) if at < len(call.args) else None


def _returned_names(function: ast.AST) -> list[str] | None:
    """The names of the tuple that a function returns at its only return."""
    found = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
    value = found[-1].value if found else None
    if not isinstance(value, ast.Tuple):
        return None
    names = [one.id for one in value.elts if isinstance(one, ast.Name)]
    return names if len(names) == len(value.elts) else None


def variable(node: ast.expr | None) -> str | None:
    """A name, or an attribute of `self`: what can be assigned."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    return None
