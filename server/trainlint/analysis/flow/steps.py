"""Steps of training by values: where they are, what they work on, and whether what they return gets lost."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...program.differentiation import GRADIENT
from ...program.frameworks.table import TRAINING_STEPS, keeps_state
from ...program.functional import APPLIED, NEXT_TRAIN_STATE
from ...program.naming import suggests
from ...program.program import Program
from ...program.things import NONE, Constant, Operation, Tensor, Value
from ...source.parse import Site
from .fates import Fates, Loss, Path, Waste, targets
from .ignored import IgnoredSteps
from .liveness import Scope
from .written import argument_of, arguments, parameters_of, root_of, variable


class Steps:
    """`all` are the operations of a program by their names and places."""

    def __init__(self, program: Program, fates: Fates) -> None:
        self.program = program
        self.fates = fates
        self.ignored = IgnoredSteps(program, fates)
        self.all: dict[str, dict[ast.AST, list[Operation]]] = {}
        for operation in program.operations:
            self.all.setdefault(operation.name, {}).setdefault(operation.site.node, []).append(operation)

    def of(self, name: str) -> Iterator[Operation]:
        """Every operation of this name in a call, each place once: in a loop, where it is ever computed in one."""
        for node, computed in self.all.get(name, {}).items():
            if isinstance(node, ast.Call):
                yield max(computed, key=lambda one: len(one.turns))

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
        given = {root_of(one) for one in arguments(operation)} - {None}
        return not given <= self.fates.scope(function).own

    def in_loop(self, site: Site) -> bool:
        """The call is in a loop of its own function."""
        return self.fates.scope(site.function).loop_around(site.statement) is not None

    def lost(self, operation: Operation, path: Path) -> Waste | None:
        """How the result of an operation that a program repeats gets lost, or stands alone."""
        wastes = self.fates.wastes(operation.site, path)
        if not wastes:
            return None
        if wastes[0].returned:
            repeated = (one for one in wastes if self.in_loop(one.site) or self._stands_alone(one))
            return next((one for one in repeated if not self.ignored.is_aside(one.site, timed=True)), None)
        if self.repeats(operation):
            return wastes[0]
        alone = wastes[0].how is Loss.STATEMENT and operation.name in (APPLIED, NEXT_TRAIN_STATE)
        return wastes[0] if alone and not self.ignored.is_aside(operation.site, timed=True) else None

    def _stands_alone(self, waste: Waste) -> bool:
        """A function that is handed what is moved drops the whole of what the call returns: nothing else can come of it."""
        call = waste.site.node
        if waste.how is not Loss.STATEMENT or not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            return False
        return isinstance(call.func.value, ast.Name) and call.func.value.id in parameters_of(waste.site.function)

    def in_vain(self, operation: Operation) -> bool:
        """The whole call stands alone: there is no telling what is missing."""
        return isinstance(operation.site.statement, ast.Expr) and operation.site.statement.value is operation.site.node

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

    def returned_as_it_was(self, site: Site, name: str) -> bool:
        """The function returns the variable, which nothing assigns after the statement at `site` nor in it."""
        scope = self.fates.scope(site.function)
        if "." in name or not isinstance(site.function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
        if name in scope.assigned(site.statement):
            return False
        found = scope.reads(site.statement, name)
        return not found.by and any(isinstance(scope.statement_of[read], ast.Return) for read in found.names)

    def looked_at(self, site: Site, path: Path) -> str | None:
        """The variable that holds the part of what is computed at `site`, where every read of it takes a measure."""
        scope = self.fates.scope(site.function)
        for target in targets(site):
            part: ast.expr | None = target
            for index in path:
                part = part.elts[index] if isinstance(part, ast.Tuple) and index < len(part.elts) else None
            if isinstance(part, ast.Name):
                found = scope.reads(site.statement, part.id)
                if found.names and not found.captured and all(_measures(scope, read) for read in found.names):
                    return part.id
        return None

    def parameters(self, operation: Operation) -> str | None:
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

    def gradients(self, operation: Operation) -> str | None:
        return argument_of(operation, 0, "updates")


_LOOKING = frozenset(
    {"norm", "norms", "leaves", "l2", "rms", "mean", "max", "std", "var", "abs", "histogram", "log", "metric", "metrics",
     "isfinite", "finite"}
)  # fmt: skip


def _measures(scope: Scope, read: ast.AST) -> bool:
    """The nearest call around a read takes the measure of what it is given, or of each part of it."""
    node = scope.parents.get(read)
    while node is not None and not isinstance(node, (ast.Call, ast.stmt)):
        node = scope.parents.get(node)
    if not isinstance(node, ast.Call):
        return False
    by = node.args[0] if node.args else None
    of_each = by.body if isinstance(by, ast.Lambda) else None
    functions = (node.func, of_each.func if isinstance(of_each, ast.Call) else None)
    return any(one is not None and suggests(ast.unparse(one).rpartition(".")[2], _LOOKING) for one in functions)
