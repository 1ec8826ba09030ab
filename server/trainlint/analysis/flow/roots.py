"""Square roots of numbers that are zero at times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...program.things import Constant, Operation
from .graph import Source
from .values import REARRANGING, Values

_ALONG = frozenset({"sum", "mean"})
_MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class RootOfZero:
    """`operation` takes the root of what `source` computes."""

    operation: Operation
    source: Source


def roots_of_zero(differentiated: Mapping[Operation, Source], values: Values) -> Iterator[RootOfZero]:
    """Every root that a gradient flows through and whose operand is zero for some element, on every path."""
    for operation, source in differentiated.items():
        if operation.name != "sqrt" and not (operation.name == "pow" and operation.inputs[1:] == (Constant(0.5),)):
            continue
        if not source.operands:
            continue
        heads = values.heads(source.operands[0], REARRANGING - {"detach", "data"})
        if heads and all(_vanishes(head, values) for head in heads):
            yield RootOfZero(operation, heads[0])


def _vanishes(head: Source, values: Values, depth: int = 0) -> bool:
    """Some elements are exactly zero, and their slope is not cut off: clamped at zero, or squares of a difference with itself."""
    operation = head.operation
    if operation is None or depth > _MAX_DEPTH or not head.operands:
        return False
    if operation.name in ("clamp", "clamp_", "clip"):
        least = operation.arguments.get("min", operation.arguments.get("1"))
        return isinstance(least, Constant) and isinstance(least.value, (int, float)) and least.value == 0
    behind = values.heads(head.operands[0])
    if operation.name in _ALONG:
        along = operation.arguments.get("dim", operation.arguments.get("1"))
        known = isinstance(along, Constant) and isinstance(along.value, int)
        return known and bool(behind) and all(_vanishes(one, values, depth + 1) for one in behind)
    if operation.name == "square" or (operation.name == "pow" and operation.inputs[1:] == (Constant(2),)):
        return bool(behind) and all(_of_itself(one, values) for one in behind)
    return False


def _of_itself(difference: Source, values: Values) -> bool:
    """All pairs of the rows of one tensor, each row with itself among them."""
    if difference.name != "sub" or len(difference.operands) != 2:
        return False
    left, right = (set(values.heads(operand)) for operand in difference.operands)
    return left == right and all(head.operation is not None for head in left)
