"""Sums of losses that nothing differentiates although one of their terms is, and losses that were added twice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.naming import LOSS, suggests
from ...program.program import Program
from ...program.things import Either, Many, Mapping, Operation, Origin, Sequence, Tensor, Thing, Value
from ...program.unseen import shows
from ...program.values import as_tensor
from ...source.nodes import walk
from ...source.parse import Site
from .fates import Fates
from .gradients import Gradients, Reach
from .graph import Node
from .liveness import Scope

# What is read through these is a number, or has no graph.
_LOOKING = frozenset({"item", "detach", "tolist", "numpy", "data", "cpu", "shape", "dtype", "isnan", "isfinite", "requires_grad"})
_NUMBERS = frozenset({"float", "int", "print", "round", "str", "repr", "isinstance"})
_PARTS = (ast.Dict, ast.keyword, ast.Tuple, ast.List, ast.JoinedStr, ast.FormattedValue)
_MOST_VALUES = 400


@dataclass(frozen=True, slots=True)
class IdleSum:
    """`total` adds `left_out` to what `backward` differentiates alone, and is only looked at; or, where `twice`, it is what is
    differentiated, has the term `trained` two times, and `left_out` not at all.

    `apart` is where `left_out` gets its value, of a graph of its own.
    """

    total: Operation
    name: str
    trained: ast.expr
    left_out: ast.expr
    backward: fx.Backward
    certain: bool
    twice: bool = False
    apart: Site | None = None

    @property
    def differentiated(self) -> ast.Name | None:
        """The loss as the backward names it, where the sum is at hand and could stand there."""
        call = self.backward.site.node
        loss = call.func.value if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
        if self.twice or not isinstance(loss, ast.Name) or self.backward.site.function is not self.total.site.function:
            return None
        return loss if loss.lineno > self.total.site.statement.lineno else None


class IdleSums:
    def __init__(self, program: Program, gradients: Gradients, fates: Fates) -> None:
        self._program, self._gradients, self._fates = program, gradients, fates
        self._backwards = [one for entry in program.entries for one in entry.of(fx.Backward)]
        self._behind = [_behind(one.loss) for one in self._backwards]
        self._written = {operation.site.node: at for at, found in enumerate(self._behind) for operation in found or ()}

    def __iter__(self) -> Iterator[IdleSum]:
        if not self._backwards or None in self._behind:
            return
        seen: set[ast.AST] = set()
        for operation in self._program.operations:
            node, statement = operation.site.node, operation.site.statement
            if (
                operation.name != "add"
                or node in seen
                or not isinstance(node, ast.BinOp)
                or not isinstance(statement, ast.Assign)
            ):
                continue
            name = _only_target(statement)
            if name is None:
                continue
            found = (self._twice if self._backward_of(node) else self._unused)(operation, name)
            if found is not None:
                seen.add(node)
                yield found

    def _backward_of(self, node: ast.AST) -> fx.Backward | None:
        """What differentiates a value that is computed at `node`, in this call of its function or another."""
        return self._backwards[self._written[node]] if node in self._written else None

    def _scope(self, total: Operation) -> Scope | None:
        """The function around; None where the sum does not stand in its own body."""
        scope = self._fates.scope(total.site.function)
        return scope if total.site.statement in scope.successors else None

    def _unused(self, total: Operation, name: str) -> IdleSum | None:
        """A sum that is only looked at."""
        terms = [self._core(value, written) for value, written in _terms(total)]
        trained = [(value, written, one) for value, written in terms if (one := self._differentiates(value)) is not None]
        scope = self._scope(total) if trained else None
        if scope is None:
            return None
        reads = scope.reads(total.site.statement, name)
        if name not in scope.own or reads.captured or not reads.names:
            return None
        if not all(_is_looked_at(read, scope) for read in reads.names):
            return None
        for value, written in terms:
            made = _made_by(value)
            if (made is not None and self._backward_of(made.site.node)) or not _is_alone(written, total, scope):
                continue
            for other, beside, backward in trained:
                certain = self._belong_together(value, other)
                if certain is not None:
                    apart = self._apart(made, written, total, backward)
                    return IdleSum(total, name, beside, written, backward, certain, apart=apart)
        return None

    def _apart(self, made: Operation | None, written: ast.expr, total: Operation, backward: fx.Backward) -> Site | None:
        """Where a term, as it is added, gets its value, if no part of its graph is one of what is differentiated."""
        if made is None or not isinstance(made.site.statement, ast.Assign) or backward.site.function is not made.site.function:
            return None
        own = _behind(Tensor(origin=made))
        theirs = self._behind[self._backwards.index(backward)]
        weighted = all(term is not written for _, term in _terms(total))
        if weighted or own is None or theirs is None or _only_target(made.site.statement) != ast.unparse(written):
            return None
        return None if any(self._trains(Tensor(origin=one)) for one in own & theirs) else made.site

    def _twice(self, total: Operation, name: str) -> IdleSum | None:
        """A sum that has one loss two times while another is only looked at."""
        named = [(value, written) for value, written in _terms(total) if isinstance(written, ast.Name)]
        names = [written.id for _, written in named]
        repeated = next(((value, written) for value, written in named if names.count(written.id) > 1), None)
        backward = self._backward_of(total.site.node)
        scope = self._scope(total) if repeated is not None and backward is not None else None
        if repeated is None or backward is None or scope is None:
            return None
        for operation in self._program.operations:
            statement = operation.site.statement
            if operation.site.function is not total.site.function or not isinstance(statement, ast.Assign):
                continue
            target = statement.targets[0]
            own = _only_target(statement)
            if statement.value is not operation.site.node or own is None or own in names or not suggests(own, LOSS):
                continue
            if self._backward_of(operation.site.node) is None and _is_alone(target, total, scope):
                certain = self._belong_together(Tensor(origin=operation), repeated[0])
                if certain is not None:
                    return IdleSum(total, name, repeated[1], target, backward, certain, twice=True)
        return None

    def _belong_together(self, left_out: Value, trained: Value) -> bool | None:
        """Both reach parameters of one model; whether that is certain."""
        one, other = self._reach(left_out), self._reach(trained)
        if one is None or other is None or not one.modules & other.modules:
            return None
        return not one.opaque and not other.opaque

    def _core(self, value: Value, written: ast.expr) -> tuple[Value, ast.expr]:
        """A term without the numbers that it is multiplied by."""
        origin = value.origin if isinstance(value, Tensor) else None
        if isinstance(origin, Operation) and origin.name in ("mul", "div") and origin.site.node is written:
            sides = (written.left, written.right) if isinstance(written, ast.BinOp) else ()
            parts = [part for part in zip(origin.inputs, sides, strict=False) if self._trains(part[0])]
            return self._core(*parts[0]) if len(parts) == 1 else (value, written)
        return value, written

    def _trains(self, value: Value) -> bool:
        reach = self._reach(value)
        return reach is not None and reach.parameters

    def _reach(self, value: Value) -> Reach | None:
        return self._gradients.reach(Node(value)) if isinstance(value, (Tensor, Thing)) else None

    def _differentiates(self, value: Value) -> fx.Backward | None:
        """The backward of this very value."""
        made = _made_by(value)
        found = zip(self._backwards, self._behind, strict=True)
        return next((backward for backward, behind in found if behind and made in behind), None)


def _made_by(value: Value) -> Operation | None:
    origin = as_tensor(value).origin if isinstance(value, (Tensor, Thing)) else None
    made = origin.made_by if isinstance(origin, Thing) else origin
    return made if isinstance(made, Operation) else None


def _terms(total: Operation) -> Iterator[tuple[Value, ast.expr]]:
    """What is added up, each with the expression for it."""
    node = total.site.node
    assert isinstance(node, ast.BinOp)
    for value, written in zip(total.inputs, (node.left, node.right), strict=False):
        inner = value.origin if isinstance(value, Tensor) else None
        if isinstance(inner, Operation) and inner.name == "add" and inner.site.node is written and isinstance(written, ast.BinOp):
            yield from _terms(inner)
        else:
            yield value, written


def _behind(loss: Tensor) -> set[Operation] | None:
    """Everything that `loss` was computed from; None where its own computation is out of sight."""
    found: set[Operation] = set()
    seen: set[int] = set()
    waiting: list[Value | Origin | None] = [loss]
    if not isinstance(loss.origin, (Operation, Either)):
        return None
    while waiting and len(seen) < _MOST_VALUES:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            waiting.append(value.origin)
        elif isinstance(value, Thing):
            waiting.append(value.made_by)
        elif isinstance(value, Operation):
            found.add(value)
            waiting += [*value.inputs, *value.writes]
        elif isinstance(value, Either):
            waiting += value.options
        elif isinstance(value, Sequence):
            waiting += value.items
        elif isinstance(value, Mapping):
            waiting += [item for _, item in value.items]
        elif isinstance(value, Many):
            waiting.append(value.element)
    return found if not waiting else None


def _only_target(statement: ast.Assign) -> str | None:
    target = statement.targets[0]
    return target.id if isinstance(target, ast.Name) and len(statement.targets) == 1 else None


def _is_alone(written: ast.expr, total: Operation, scope: Scope) -> bool:
    """The term is computed for the sum alone: there, or into a variable that is otherwise only looked at."""
    if not isinstance(written, ast.Name):
        return isinstance(written, ast.Call)
    reads = [part for part in walk(scope.node) if isinstance(part, ast.Name) and part.id == written.id]
    return written.id in scope.own and all(
        scope.statement_of.get(read) is total.site.statement or _is_looked_at(read, scope)
        for read in reads
        if isinstance(read.ctx, ast.Load)
    )


def _is_looked_at(read: ast.Name, scope: Scope) -> bool:
    """The value is shown, logged or made a number: nothing is trained with it."""
    node: ast.AST = read
    while True:
        parent = scope.parents.get(node)
        if isinstance(parent, ast.Attribute):
            return parent.attr in _LOOKING
        if isinstance(parent, ast.FormattedValue):
            return True
        if isinstance(parent, ast.Call) and node is not parent.func:
            return shows(parent.func) or (isinstance(parent.func, ast.Name) and parent.func.id in _NUMBERS)
        if not isinstance(parent, _PARTS):
            return False
        node = parent
