"""Which number a value is, by arithmetic on what is written out and on defaults that nothing in sight replaces."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ...program.options import TESTED
from ...program.things import Choice, Constant, Default, Either, Operation, Origin, Tensor, Thing, Value
from ...program.values import alternatives
from ...source.parse import Site, Spot

Origins = tuple[tuple[Spot | Site, str], ...]
"""Places to point at, each with what is there."""
_DEPTH = 8
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
    "float": float,
    "sqrt": math.sqrt,
    "max": max,
    "min": min,
    "abs": abs,
}
_OF_ZERO = frozenset({"mul", "div"})
"""Whatever the other side is, a zero on the left stays one; of a product, on the right too."""


@dataclass(frozen=True, slots=True)
class Number:
    """`source` is the file it was loaded from; `default` says where it is written as one, if it is."""

    value: float
    source: Spot | None = None
    default: Default | None = None

    @property
    def option(self) -> bool:
        """The command line may give another."""
        return self.default is not None and self.default.option

    @property
    def origins(self) -> Origins:
        """Where it comes from, where that is not the place that uses it."""
        return origins(self.source, self.default)


def origins(source: Spot | None, default: Default | None) -> Origins:
    """The file that a number was loaded from, or the default that it is, to point at."""
    if source is not None:
        return ((source, "the value comes from here"),)
    return ((default.place, "the value is the default here"),) if default is not None else ()


def number(value: Value, depth: int = _DEPTH) -> Number | None:
    """The one number that `value` is on every path; None where that is out of sight."""
    if isinstance(value, Choice):
        return _agreed(number(option, depth - 1) for option in value.options) if depth else None
    if isinstance(value, Tensor):
        return _of(value.origin, depth)
    return _of(value, depth) if isinstance(value, (Constant, Thing)) else None


def _of(origin: Origin | None, depth: int) -> Number | None:
    if isinstance(origin, Constant):
        known = isinstance(origin.value, (int, float)) and not isinstance(origin.value, bool)
        return Number(origin.value, origin.source) if known else None  # type: ignore[arg-type]
    if isinstance(origin, Thing):
        default = origin.default
        return Number(default.value, None, default) if default is not None and TESTED not in origin.uses else None
    if depth == 0 or origin is None:
        return None
    if isinstance(origin, Either):
        return _agreed(_of(way, depth - 1) for way in alternatives(origin))
    return _computed(origin, depth)


def _agreed(numbers: Iterable[Number | None]) -> Number | None:
    found = list(numbers)
    first = found[0] if found else None
    if first is None or any(one is None or one.value != first.value for one in found):
        return None
    return next((one for one in found if one is not None and one.option), first)


def _computed(operation: Operation, depth: int) -> Number | None:
    function = _FUNCTIONS.get(operation.name)
    if function is None or operation.writes or len(operation.arguments) != len(operation.inputs):
        return None
    given = [number(value, depth - 1) for value in operation.inputs]
    known = [one for one in given if one is not None]
    zero = next((one for one in given[: 2 if operation.name == "mul" else 1] if one is not None and one.value == 0), None)
    if zero is not None and operation.name in _OF_ZERO:
        return zero
    if len(known) != len(given) or not given:
        return None
    try:
        result = function(*(one.value for one in known))
    except (ArithmeticError, ValueError, TypeError):
        return None
    if isinstance(result, complex) or not math.isfinite(result):
        return None
    source = next((one.source for one in known if one.source is not None), None)
    defaults = [one.default for one in known if one.default is not None]
    default = next((one for one in defaults if one.option), defaults[0] if defaults else None)
    return Number(result, source, default)
