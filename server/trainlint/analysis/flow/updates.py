"""Training by values: what becomes of gradients, of the updates made of them, and of the states that replace old ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program.differentiation import GRADIENT
from ...program.frameworks.table import Meaning, functions_that
from ...program.functional import APPLIED, NEXT_TRAIN_STATE, UPDATES
from ...program.program import Program
from ...program.things import Constant, Operation, Tensor, Value
from ...source.parse import Site
from .fates import Fates, Loss, Path, Waste, targets

_WORDS = {
    APPLIED: "the new parameters",
    NEXT_TRAIN_STATE: "the new state",
    UPDATES: "the updates and the new state",
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
    def function(self) -> str:
        """The function whose result is thrown away, as the user calls it there."""
        call = self.waste.site.node if self.waste.returned is not None else self.operation.site.node
        return ast.unparse(call.func if isinstance(call, ast.Call) else call)


@dataclass(frozen=True, slots=True)
class Unapplied:
    """The updates in the variable `name` are never applied to those in `parameters`; `apply` is how the user calls that."""

    operation: Operation
    name: str
    parameters: str | None
    apply: str | None


class Updates:
    def __init__(self, program: Program, fates: Fates) -> None:
        self._program = program
        self._fates = fates
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
            if waste is not None and waste.name is not None and not waste.deliberate and not self._in_vain(operation):
                yield Unapplied(operation, waste.name, self._parameters(operation), self.apply)

    @property
    def discarded(self) -> Iterator[Thrown]:
        """Parameters and train states that a step returns and nobody keeps."""
        for name in (APPLIED, NEXT_TRAIN_STATE):
            for operation in self.of(name):
                waste = self._lost(operation, ())
                if waste is not None and not waste.deliberate:
                    yield self._thrown(operation, waste)
        for operation in self.of(UPDATES):
            waste = self._lost(operation, ())
            if waste is not None and waste.how is Loss.STATEMENT and not waste.returned:
                yield Thrown(operation, waste)

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
        waste = self._fates.thrown_away(operation.site, path)
        if waste is None:
            return None
        if waste.returned:
            return waste if self._repeats(waste.site) else None
        if waste.how is Loss.STATEMENT or operation.turns or not isinstance(operation.site.function, ast.Module):
            return waste
        return None

    def _repeats(self, site: Site) -> bool:
        """The call is in a loop of its own function."""
        return self._fates.scope(site.function).loop_around(site.statement) is not None

    def _meant_for(self, operation: Operation) -> str | None:
        """The variable that holds what the result is to replace."""
        call = operation.site.node
        assert isinstance(call, ast.Call)
        if operation.name == NEXT_TRAIN_STATE:
            return variable(call.func.value) if isinstance(call.func, ast.Attribute) else None
        given = call.args[0] if call.args else next((one.value for one in call.keywords if one.arg == "params"), None)
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

    def names_of(self, operation: Operation, path: Path) -> str | None:
        """The variable that a part of the result is assigned to."""
        for target in targets(operation.site):
            for index in path:
                target = target.elts[index] if isinstance(target, (ast.Tuple, ast.List)) and index < len(target.elts) else target
            if isinstance(target, ast.Name):
                return target.id
        return None


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
