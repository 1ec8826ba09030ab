"""How a loss is reduced over its batch."""

from __future__ import annotations

from ...program.things import Constant
from .graph import Node, Source
from .values import Values

_MEAN_LOSSES = frozenset(
    {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "cross_entropy", "nll_loss", "binary_cross_entropy",
     "binary_cross_entropy_with_logits", "soft_margin_loss", "multi_margin_loss", "hinge_embedding_loss"}
)  # fmt: skip
_REDUCTIONS = frozenset({"reduction", "reduce", "size_average", "**"})
_HANDING_ON = frozenset({"squeeze", "to", "float", "cuda", "contiguous", "clone", "identity", "scale"})
_MAX_DEPTH = 8


def is_mean(values: Values, node: Node, depth: int = 0) -> bool:
    """Every way `node` may have come about is a mean over the batch, or a sum of such, divided by nothing."""
    heads = values.heads(node, _HANDING_ON)
    return bool(heads) and depth < _MAX_DEPTH and all(_mean(values, head, depth) for head in heads)


def _mean(values: Values, head: Source, depth: int) -> bool:
    operation = head.operation
    if operation is None:
        return False
    if operation.name in _MEAN_LOSSES:
        given = {name: value for name, value in operation.arguments.items() if name in _REDUCTIONS}
        return all(name == "reduction" and value == Constant("mean") for name, value in given.items())
    if operation.name == "mean":
        return len(operation.inputs) == 1 and not {"dim", "1", "**"} & operation.arguments.keys()
    return operation.name == "add" and all(is_mean(values, operand, depth + 1) for operand in head.operands)
