"""What would mend a mistake, said in terms of training. `fixes` knows where and how it is written."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Union

from ..source.parse import Site


@dataclass(frozen=True, slots=True)
class ClearBetween:
    """Clear the gradients of `holder` after `step` and before the next `backward`."""

    holder: str
    step: Site
    backward: Site


@dataclass(frozen=True, slots=True)
class StepAfter:
    """Apply the gradients of `backward` with `optimizer` before `clear`, through `scaler` where the loss was scaled."""

    optimizer: str
    scaler: str | None
    backward: Site
    clear: Site | None


@dataclass(frozen=True, slots=True)
class BackwardBefore:
    """Differentiate the loss computed in `step`'s own function before `step`: scaled, or by calling `through`."""

    step: Site
    scaler: str | None
    through: str | None


@dataclass(frozen=True, slots=True)
class MoveBefore:
    """Let the statement of `moved` run before that of `anchor`."""

    moved: Site
    anchor: Site


@dataclass(frozen=True, slots=True)
class MoveAfter:
    """Let the statement of `moved` run right after that of `anchor`, in its block."""

    moved: Site
    anchor: Site


@dataclass(frozen=True, slots=True)
class CallIt:
    """Call the method that `site` only names."""

    site: Site


@dataclass(frozen=True, slots=True)
class SetRateTo:
    """Write `value` where the learning rate `node` is written."""

    node: ast.AST
    value: float


Remedy = Union[ClearBetween, StepAfter, BackwardBefore, MoveBefore, MoveAfter, CallIt, SetRateTo]
