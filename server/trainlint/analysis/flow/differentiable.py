"""Whether a loss depends on what it is differentiated by, where gradients are values."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...program.differentiation import GRADIENT
from ...program.functional import APPLIED, IN_PLACE, MOVED, NEXT_TRAIN_STATE, UPDATES, VALUE
from ...program.program import Program
from ...program.things import (
    Choice,
    Constant,
    Either,
    Function,
    Many,
    Mapping,
    Method,
    Operation,
    Origin,
    Partial,
    Sequence,
    Tensor,
    Thing,
    Unknown,
    Value,
)
from ...program.values import things_in
from ...program.vocabulary import LIST_GROWTH
from ...source.nodes import walk
from .fates import targets

_MAX_STEPS = 600
_MAX_AVERAGES = 4


@dataclass(slots=True)
class Dependence:
    """What was met on the way back from a value: `hidden` where sight was lost, `cuts` where no gradient passes."""

    found: bool = False
    hidden: bool = False
    cuts: list[Operation] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CutLoss:
    """The gradients that `taken` computes are all zero: `cut` lies between the loss and what it is differentiated by.

    Without a cut the loss does not depend on that at all. `by` is its name.
    """

    taken: Operation
    cut: Operation | None
    by: str


@dataclass(frozen=True, slots=True)
class NoScalar:
    """What is differentiated is a tuple, although none is announced."""

    taken: Operation


@dataclass(frozen=True, slots=True)
class NoGradient:
    """`step` is given the loss that comes along with the gradients, which are computed by `taken`."""

    step: Operation
    taken: Operation

    @property
    def swapped(self) -> tuple[ast.Tuple, str] | None:
        """The two variables that the loss and the gradients are assigned to, and how they are written the other way round."""
        for target in targets(self.taken.site):
            if isinstance(target, ast.Tuple) and len(target.elts) == 2:
                return target, ", ".join(ast.unparse(one) for one in reversed(target.elts))
        return None


@dataclass(frozen=True, slots=True)
class WrongArgument:
    """`step` moves `meant`, the argument `number` of the call that takes the gradients: which are by `by`, another one.

    `chosen` is where the argument is chosen.
    """

    step: Operation
    taken: Operation
    meant: str
    number: int
    by: str
    chosen: ast.expr | None


class Differentiable:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._taken: dict[ast.AST, list[Operation]] = {}
        for operation in program.operations:
            if operation.name == GRADIENT and "symbols" in operation.arguments:
                self._taken.setdefault(operation.site.node, []).append(operation)

    def cut_losses(self) -> Iterator[CutLoss]:
        """Losses that no gradient gets through, whichever way the program comes to them."""
        for all_of_them in self._taken.values():
            found = [cut for cut in map(self._cut_loss, all_of_them) if cut is not None]
            if found and len(found) == len(all_of_them):
                yield found[0]

    def _cut_loss(self, taken: Operation) -> CutLoss | None:
        symbols = frozenset(things_in(taken.arguments["symbols"]))
        loss = taken.arguments["loss"]
        if not symbols or isinstance(loss, (Unknown, Constant)):
            return None
        run = _run(taken)
        direct = dependence(loss, symbols, through_cuts=False, run=run)
        if direct.found or direct.hidden:
            return None
        whole = dependence(loss, symbols, through_cuts=True, run=run)
        given = taken.arguments["name"]
        name = str(given.value) if isinstance(given, Constant) else ""
        if not whole.found:
            meant = frozenset(things_in(taken.arguments["by"]))
            captured = bool(meant) and not whole.hidden and dependence(loss, meant, through_cuts=True, run=run).found
            return CutLoss(taken, None, name) if captured else None
        cuts = [cut for cut in direct.cuts if dependence(Tensor(origin=cut), symbols, through_cuts=True, run=run).found]
        return CutLoss(taken, cuts[0], name) if cuts else None

    def no_scalars(self) -> Iterator[NoScalar]:
        """Functions that return a tuple and are differentiated as if they returned a number."""
        for all_of_them in self._taken.values():
            for taken in all_of_them:
                result, announced = taken.arguments["result"], taken.arguments["has_aux"]
                if announced == Constant(False) and isinstance(result, Sequence) and len(result.items) > 1:
                    yield NoScalar(taken)
                    break

    def no_gradients(self) -> Iterator[NoGradient]:
        """Steps that are given a loss for its gradients."""
        seen: set[ast.AST] = set()
        for step in self._program.operations:
            if step.name not in (UPDATES, NEXT_TRAIN_STATE, IN_PLACE, MOVED) or step.site.node in seen:
                continue
            taken = _loss_in(step.arguments["gradients"])
            if taken is not None:
                seen.add(step.site.node)
                yield NoGradient(step, taken)

    def wrong_arguments(self) -> Iterator[WrongArgument]:
        """Steps that are given the gradients by another argument of the loss than the parameters."""
        seen: set[ast.AST] = set()
        for step in self._program.operations:
            if step.name not in (UPDATES, NEXT_TRAIN_STATE, IN_PLACE) or step.site.node in seen:
                continue
            taken = _taken_in(step.arguments["gradients"])
            found = self._wrong_argument(step, taken) if taken is not None else None
            if found is not None:
                seen.add(step.site.node)
                yield found

    def _wrong_argument(self, step: Operation, taken: Operation) -> WrongArgument | None:
        wanted, call = taken.arguments.get("argnums"), taken.site.node
        if not isinstance(wanted, Constant) or not isinstance(wanted.value, int) or not isinstance(call, ast.Call):
            return None
        if any(isinstance(one, ast.Starred) for one in call.args):
            return None
        given = [ast.unparse(one) for one in call.args]
        if step.site.function is taken.site.function:
            meant = next((one for one in self._moved(step) if one in given), None)
        else:
            meant = self._moved_elsewhere(step, taken, given)
        if meant is None or not 0 <= wanted.value < len(given) or given.count(meant) != 1 or given[wanted.value] == meant:
            return None
        return WrongArgument(step, taken, meant, given.index(meant), given[wanted.value], self._chosen(taken, wanted.value))

    def _moved_elsewhere(self, step: Operation, taken: Operation, given: list[str]) -> str | None:
        """What a step in another function moves, as it is written where the gradients are taken."""
        moved, values = step.arguments.get("parameters"), taken.arguments["given"]
        if not isinstance(values, Sequence):
            return None
        return next((text for text, value in zip(given, values.items, strict=False) if _is_same(value, moved)), None)

    def _moved(self, step: Operation) -> list[str]:
        """What a step moves, as it is written."""
        call = step.site.node
        if not isinstance(call, ast.Call):
            return []
        if step.name == IN_PLACE:
            return [ast.unparse(call.args[0])] if len(call.args) == 2 else []
        if step.name == NEXT_TRAIN_STATE:
            return [f"{ast.unparse(call.func.value)}.params"] if isinstance(call.func, ast.Attribute) else []
        given = [*call.args[2:3], *(one.value for one in call.keywords if one.arg == "params")]
        for operation in self._program.operations:
            updates = operation.arguments.get("updates") if operation.name == APPLIED else None
            if isinstance(updates, Tensor) and updates.origin is step and isinstance(operation.site.node, ast.Call):
                given += operation.site.node.args[:1]
        return [ast.unparse(one) for one in given]

    def _chosen(self, taken: Operation, number: int) -> ast.expr | None:
        """The `argnums` of the call that made the function, where only one in the function of the step says this number."""
        found = [
            keyword.value
            for node in walk(taken.site.function)
            if isinstance(node, ast.Call)
            for keyword in node.keywords
            if keyword.arg == "argnums" and isinstance(keyword.value, ast.Constant) and keyword.value.value == number
        ]
        return found[0] if len(found) == 1 else None


def _is_same(one: Value, other: Value | None) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return isinstance(one.origin, Operation) and one.origin is other.origin
    return isinstance(one, Thing) and one is other


def _taken_in(value: Value) -> Operation | None:
    """The operation that took gradients, where nothing but an average was made of them."""
    for _ in range(_MAX_AVERAGES):
        origin = value.origin if isinstance(value, Tensor) else None
        if not isinstance(origin, Operation) or not origin.inputs:
            return None
        if origin.name == GRADIENT:
            return origin
        if origin.name == _ADDING:
            found = {taken for one in origin.inputs if (taken := _taken_in(one)) is not None}
            return found.pop() if len(found) == 1 else None
        if origin.name not in _AVERAGING | {_ITEM}:
            return None
        value = origin.inputs[0]
    return None


# They hand on what they are given, averaged over devices or scaled.
_AVERAGING = frozenset({"pmean", "psum", "mean", "sum", "to", "truediv", "div", "mul"})
_ADDING = "add"
_ITEM = "getitem"


def _loss_in(value: Value, depth: int = 6) -> Operation | None:
    """The operation that gave `value`, where on some path that is a loss that comes along with its gradients."""
    if depth == 0:
        return None
    if isinstance(value, Sequence) and value.items:
        return _loss_in(value.items[0], depth - 1)
    if isinstance(value, Choice):
        return next((found for one in value.options if (found := _loss_in(one, depth - 1)) is not None), None)
    return _loss_by(value.origin, depth) if isinstance(value, Tensor) else None


def _loss_by(origin: Origin | None, depth: int) -> Operation | None:
    if isinstance(origin, Either):
        return next((found for one in origin.options if (found := _loss_by(one, depth - 1)) is not None), None)
    if not isinstance(origin, Operation) or depth <= 0:
        return None
    if origin.name == VALUE:
        return origin
    if not origin.inputs:
        return None
    if origin.name not in _AVERAGING | {_ADDING, _ITEM} or any(_taken_in(one) is not None for one in origin.inputs):
        return None
    given = origin.inputs if origin.name == _ADDING else origin.inputs[:1]
    return next((found for one in given if (found := _loss_in(one, depth - 1)) is not None), None)


@dataclass(slots=True)
class Run:
    """What happened while a function was differentiated: nothing that was there before depends on what it was given.

    `computed` are the calls and expressions in which it happened: objects stand for those of every turn of a loop.
    The functions defined in those `inside` may hold more than can be told.
    """

    computed: frozenset[ast.AST]
    functions: frozenset[ast.AST]
    inside: frozenset[ast.AST]
    _nodes: frozenset[ast.AST] | None = None

    def made(self, thing: Thing) -> bool:
        """The object, or what it is a part of, was made in the run, or something may have been put into it there."""
        at: Thing | None = thing
        while at is not None:
            if at.made_by is not None or not at.uses.isdisjoint(_PUT) or (at.node is not None and at.node in self._all_nodes()):
                return True
            at = at.parent
        return False

    def _all_nodes(self) -> frozenset[ast.AST]:
        if self._nodes is None:
            self._nodes = frozenset(node for function in self.functions | self.inside for node in walk(function))
        return self._nodes


_PUT = LIST_GROWTH | {"update", "setdefault"}


def _run(taken: Operation) -> Run:
    computed = taken.arguments["run"]
    operations = computed.value if isinstance(computed, Constant) and isinstance(computed.value, tuple) else ()
    nodes = frozenset(one.site.node for one in operations)
    return Run(nodes, frozenset(one.site.function for one in operations), _functions_in(taken.arguments["function"]))


def _functions_in(function: Value) -> frozenset[ast.AST]:
    """The differentiated function with those defined in it: they may capture what it is given."""
    while isinstance(function, Partial):
        function = function.function
    if not isinstance(function, Function):
        return frozenset()
    return frozenset(node for node in walk(function.node) if isinstance(node, (ast.FunctionDef, ast.Lambda)))


def dependence(value: Value, wanted: frozenset[Thing], *, through_cuts: bool, run: Run) -> Dependence:
    """How `value`, which `run` returned, depends on `wanted` or parts of them; `through_cuts`: its numbers, not its gradients."""
    found = Dependence()
    seen: set[int] = set()
    waiting: list[Value | Operation | Either] = [value]
    while waiting:
        at = waiting.pop()
        if id(at) in seen:
            continue
        seen.add(id(at))
        if len(seen) > _MAX_STEPS:
            found.hidden = True
            return found
        if isinstance(at, Operation):
            if at.site.node not in run.computed:
                continue
            if at.cuts and not through_cuts:
                found.cuts.append(at)
                continue
            waiting.extend((*(at.inputs[:1] if at.name == "getitem" else at.inputs), *at.writes))
            if at.callee is not None:
                waiting.append(at.callee)
            if at.name == GRADIENT:
                waiting.append(at.arguments.get("by", at.arguments["loss"]))
        elif isinstance(at, Thing):
            if any(at.within(thing) for thing in wanted):
                found.found = True
                return found
            if run.made(at):
                found.hidden |= not at.uses.isdisjoint(_PUT)
                waiting.extend(_behind(at, found))
        elif isinstance(at, Tensor):
            if at.origin is not None:
                waiting.append(at.origin)
            else:
                found.hidden = True
        else:
            waiting.extend(_parts(at, found))
            found.hidden |= isinstance(at, Function) and at.frame.node in run.inside
    return found


def _behind(thing: Thing, found: Dependence) -> list[Value | Operation | Either]:
    """What an object out of sight was made of."""
    if thing.made_by is not None:
        return [thing.made_by]
    if thing.parent is not None:
        return [thing.parent]
    if thing.carries or thing.holds:
        found.hidden |= thing.opaque
        return [*thing.carries, *thing.holds]
    found.hidden |= thing.opaque and isinstance(thing.node, ast.Call) and thing.created_by is None
    return []


def _parts(value: Value | Either, found: Dependence) -> list[Value | Operation | Either]:
    if isinstance(value, (Either, Choice)):
        return list(value.options)
    if isinstance(value, Sequence):
        return list(value.items)
    if isinstance(value, Mapping):
        return [item for _, item in value.items]
    if isinstance(value, Many):
        return [value.element]
    if isinstance(value, Partial):
        return [value.function, *value.args, *(item for _, item in value.keywords)]
    if isinstance(value, Method):
        return [value.receiver]
    found.hidden |= isinstance(value, Unknown)
    return []
