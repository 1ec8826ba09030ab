"""Whether a loss depends on what it is differentiated by, where gradients are values."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...program.differentiation import GRADIENT
from ...program.functional import IN_PLACE, MOVED, NEXT_TRAIN_STATE, UPDATES, VALUE
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
    Partial,
    Sequence,
    Tensor,
    Thing,
    Unknown,
    Value,
    things_in,
)
from .fates import targets

_MAX_STEPS = 600


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
        inside = _functions_in(taken.arguments["function"])
        direct = dependence(loss, symbols, through_cuts=False, inside=inside)
        if direct.found or direct.hidden:
            return None
        whole = dependence(loss, symbols, through_cuts=True, inside=inside)
        given = taken.arguments["name"]
        name = str(given.value) if isinstance(given, Constant) else ""
        if not whole.found:
            return None if whole.hidden else CutLoss(taken, None, name)
        cuts = [cut for cut in direct.cuts if dependence(Tensor(origin=cut), symbols, through_cuts=True).found]
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


# They hand on what they are given, averaged over devices.
_AVERAGING = frozenset({"pmean", "psum", "to"})


def _loss_in(value: Value, depth: int = 4) -> Operation | None:
    """The operation that gave `value`, where that is a loss that comes along with its gradients, or begins with one."""
    if isinstance(value, Sequence) and value.items and depth:
        return _loss_in(value.items[0], depth - 1)
    origin = value.origin if isinstance(value, Tensor) else None
    if not isinstance(origin, Operation):
        return None
    if origin.name == VALUE:
        return origin
    return _loss_in(origin.inputs[0], depth - 1) if origin.name in _AVERAGING and origin.inputs and depth else None


def _functions_in(function: Value) -> frozenset[ast.AST]:
    """The differentiated function with those defined in it: they may capture what it is given."""
    while isinstance(function, Partial):
        function = function.function
    if not isinstance(function, Function):
        return frozenset()
    return frozenset(node for node in ast.walk(function.node) if isinstance(node, (ast.FunctionDef, ast.Lambda)))


def dependence(
    value: Value, wanted: frozenset[Thing], *, through_cuts: bool, inside: frozenset[ast.AST] = frozenset()
) -> Dependence:
    """How `value` depends on `wanted` or parts of them; `through_cuts`: its numbers, not its gradients.

    Functions defined in those `inside` may hold more than can be told.
    """
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
            waiting.extend(_behind(at, found))
        elif isinstance(at, Tensor):
            if at.origin is not None:
                waiting.append(at.origin)
            else:
                found.hidden = True
        else:
            waiting.extend(_parts(at, found))
            found.hidden |= isinstance(at, Function) and at.frame.node in inside
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
