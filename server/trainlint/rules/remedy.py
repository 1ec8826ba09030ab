"""What would mend a mistake, said in terms of training. `fixes` knows where and how it is written."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from ..analysis.flow.gradients import Cut
from ..analysis.flow.graph import Source
from ..analysis.paths.alternatives import Arm
from ..program.things import Operation, Tensor, Value
from ..program.things import Sequence as Items
from ..source.parse import Site


@dataclass(frozen=True, slots=True)
class ClearBetween:
    """Clear the gradients of `holder` after `step` and before the next `backward`.

    Where two places are equally right, the other one if `behind`. Only in `arm`, where there is one.
    """

    holder: str
    step: Site
    backward: Site
    behind: bool = False
    arm: Arm | None = None


@dataclass(frozen=True, slots=True)
class StepAfter:
    """Apply the gradients of `backward` with `optimizer` before `clear`, through `scaler` where the loss was scaled.

    The function of `backward` is handed to the step where the optimizer needs a `closure`; `others` step beside it; an
    `engine` clears by itself. Only in `arm`, where there is one.
    """

    optimizer: str
    scaler: str | None
    backward: Site
    clear: Site | None
    closure: bool = False
    others: tuple[str, ...] = ()
    engine: bool = False
    arm: Arm | None = None


@dataclass(frozen=True, slots=True)
class BackwardBefore:
    """Differentiate the loss computed in `step`'s own function before `step`: scaled, or by calling `through`.

    Several losses may wait there: the one meant for `optimizer`. `named`: only one whose name says what it is. `apart`: the
    backwards before the step reach other parameters, so that one is missing only where they are fewer than the steps. Only in
    `arm`, where there is one.
    """

    step: Site
    optimizer: str
    scaler: str | None
    through: str | None
    named: bool = False
    apart: bool = False
    arm: Arm | None = None


@dataclass(frozen=True, slots=True)
class MoveBefore:
    """Let the statement of `moved` run before that of `anchor`."""

    moved: Site
    anchor: Site


@dataclass(frozen=True, slots=True)
class MoveInto:
    """Let the statement of `moved` be the last, or, from in front of it, the first, of the `with` block that `context` opens."""

    moved: Site
    context: ast.AST


@dataclass(frozen=True, slots=True)
class MoveAfter:
    """Let the statement of `moved` run right after that of `anchor`, in its block; `where` says so in words.

    `within`: in its block even where that is one that `moved` lies outside of.
    """

    moved: Site
    anchor: Site
    where: str = "after the backward"
    within: bool = False


@dataclass(frozen=True, slots=True)
class DivideLoss:
    """Let `backward` differentiate its loss divided by `divisor`."""

    backward: Site
    divisor: ast.AST | int


@dataclass(frozen=True, slots=True)
class StepAtEnd:
    """Let the last turn of `loop` through the guard of `step` that waits for every k-th."""

    step: Site
    loop: ast.AST


@dataclass(frozen=True, slots=True)
class CallIt:
    """Call the method that `site` only names."""

    site: Site


@dataclass(frozen=True, slots=True)
class SetRateTo:
    """Write `value` where the learning rate `node` is written."""

    node: ast.AST
    value: float


@dataclass(frozen=True, slots=True)
class CallInstead:
    """Let `call` call what computes `operation`: the function, method or class beside the one that it calls now."""

    call: ast.AST
    operation: str


@dataclass(frozen=True, slots=True)
class Bypass:
    """Leave out the computation at `site`: its input takes its place. `layer` is where the layer that computes it is built."""

    site: Site
    layer: ast.AST | None = None


@dataclass(frozen=True, slots=True)
class HandTo:
    """Hand `node` to `function`, which goes by its qualified name, and take what that makes of it."""

    node: ast.AST
    function: str


@dataclass(frozen=True, slots=True)
class KeepGraph:
    """Write in place of `node`, a tensor made anew of the number of another, that other one with its graph."""

    node: ast.AST


@dataclass(frozen=True, slots=True)
class Compose:
    """Write in place of `node` what `pieces` make: texts, and expressions as they are written now."""

    node: ast.AST
    pieces: tuple[str | ast.AST, ...]
    title: str
    safe: bool = False


@dataclass(frozen=True, slots=True)
class OnOperand:
    """Call the method `call` on an operand of `node`: a call's argument by position or name, or a side of an operator."""

    node: ast.AST
    index: int
    name: str
    call: str


@dataclass(frozen=True, slots=True)
class AddToOperand:
    """Add `text` to what `node` works on: the object of a method, the first argument of a function, the left side."""

    node: ast.AST
    text: str


@dataclass(frozen=True, slots=True)
class SwapArguments:
    """Exchange the first two arguments of `call`."""

    call: ast.AST


@dataclass(frozen=True, slots=True)
class SetArgument:
    """Give `call` the argument `text` at its position or by its name; `title` says what that does."""

    call: ast.AST
    index: int
    name: str
    text: str
    title: str


@dataclass(frozen=True, slots=True)
class MoveOut:
    """Let the statement of `moved` run once, before `loop`, where nothing in it depends on the turn.

    `first`: what it depends on has its first value before the loop, and that is the one to take.
    """

    moved: Site
    loop: ast.AST
    first: bool = False


@dataclass(frozen=True, slots=True)
class BuildAfter:
    """Let the statement of `built` run behind that of `anchor`: there only where nothing between them uses `name`, else again."""

    built: Site
    anchor: Site
    name: str


@dataclass(frozen=True, slots=True)
class ApplyInside:
    """Apply what `outer` does to the result of the call `inner` to its first argument instead."""

    outer: ast.AST
    inner: ast.AST


@dataclass(frozen=True, slots=True)
class Insert:
    """Put the statement `text` next to that of `anchor`; `where` says so in words."""

    anchor: Site
    text: str
    where: str
    before: bool = False
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Surround:
    """Put one statement in front of that of `anchor` and one behind it; `where` says so in words."""

    anchor: Site
    before: str
    after: str
    where: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Take the statement that `site` is out; where `alone`, with the loop or the context that holds nothing else."""

    site: Site
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Write the first of `texts` for `node` (or what `site` is), the others as statements behind it."""

    site: Site
    texts: tuple[str, ...]
    title: str
    node: ast.AST | None = None
    safe: bool = False


@dataclass(frozen=True, slots=True)
class WholeRows:
    """Let the rows that `view` makes be `whole` numbers long instead of `wrong`, and the layer built at `layer` take as many."""

    view: Site
    layer: ast.AST
    wrong: int
    whole: int


@dataclass(frozen=True, slots=True)
class LetFollow:
    """Let the statement of `moved` run right after that of `anchor`, each with the loops that do nothing else."""

    moved: Site
    anchor: Site


@dataclass(frozen=True, slots=True)
class LeaveBlock:
    """Let the statement of `site`, and what stands behind it, run after the `with` block that `context` opens."""

    site: Site
    context: ast.AST


@dataclass(frozen=True, slots=True)
class BuildOnce:
    """Let the constructor build what `site` builds, and `site` take it from there."""

    site: Site


@dataclass(frozen=True, slots=True)
class UseCopy:
    """Write `copy` for `original` in the function of `place`, wherever that is used after the statements around `trained`."""

    original: str
    copy: str
    trained: Site
    place: Site


@dataclass(frozen=True, slots=True)
class GiveOutput:
    """Let the loss `call` be given the one of `outputs` that nothing looks at, in place of its first argument."""

    call: ast.AST
    site: Site
    outputs: tuple[Site, ...]


@dataclass(frozen=True, slots=True)
class TurnOn:
    """Turn autograd on where `node` turns it off."""

    node: ast.AST


@dataclass(frozen=True, slots=True)
class GiveLoss:
    """Let the call at `site` be given the loss that is assigned last before it, and nothing else."""

    site: Site


Remedy = Union[
    WholeRows,
    LetFollow,
    LeaveBlock,
    BuildOnce,
    UseCopy,
    GiveOutput,
    Surround,
    GiveLoss,
    BuildAfter,
    MoveOut,
    ApplyInside,
    HandTo,
    KeepGraph,
    Compose,
    Insert,
    Remove,
    Rewrite,
    ClearBetween,
    StepAfter,
    BackwardBefore,
    MoveBefore,
    MoveInto,
    MoveAfter,
    CallIt,
    SetRateTo,
    CallInstead,
    Bypass,
    TurnOn,
    DivideLoss,
    AddToOperand,
    StepAtEnd,
    OnOperand,
    SwapArguments,
    SetArgument,
]


def removal(computations: Sequence[Source]) -> tuple[Remedy, ...]:
    """Leave the computation out, where there is but one."""
    operation = computations[0].operation
    if len(computations) != 1 or operation is None:
        return ()
    layer = operation.callee
    return (Bypass(operation.site, layer.node if layer is not None else None),)


def replacement(computations: Sequence[Source], old: str, new: str) -> tuple[Remedy, ...]:
    """Compute `new` in place of `old`, where there is but one such computation."""
    place = computations[0].place
    if len(computations) != 1 or place is None or computations[0].name != old:
        return ()
    return (CallInstead(place, new),)


def another_loss(loss: Operation, name: str) -> tuple[Remedy, ...]:
    """Compute the loss `name` instead."""
    built = loss.callee.node if loss.callee is not None else loss.site.node
    return (CallInstead(built, name),) if built is not None else ()


_ONLY_CUTS = frozenset({"item", "detach", "data", "float", "numpy", "tolist"})


def left_out(cut: Cut | None) -> tuple[Remedy, ...]:
    """Leave a cut in the graph out, where it is one that only cuts; stack the tensors whose numbers it makes one of."""
    if cut is not None and cut.operation.name == "tensor" and cut.operation.site.node is not None:
        numbers = cut.operation.arguments.get("0")
        if len(cut.operation.arguments) == 1 and isinstance(numbers, Items) and all(map(_is_tensor, numbers.items)):
            return (CallInstead(cut.operation.site.node, "stack"),)
    return (Bypass(cut.operation.site),) if cut is not None and cut.operation.name in _ONLY_CUTS else ()


def _is_tensor(value: Value) -> bool:
    return isinstance(value, Tensor) and not value.opaque


def another_activation(written: ast.AST | None, name: str) -> tuple[Remedy, ...]:
    """Let a layer apply the activation `name`, where the one that it applies is `written` in its call."""
    return (Compose(written, (f'"{name}"',), f"Apply a {name}"),) if written is not None else ()
