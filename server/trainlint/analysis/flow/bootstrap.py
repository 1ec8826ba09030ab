"""Targets that a model computes for itself, and that gradients flow back through."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.frameworks.table import LOSS_OPERATIONS
from ...program.naming import LOSS, suggests
from ...program.program import Program
from ...program.things import Constant, Operation, Role, Thing
from .gradients import Gradients
from .graph import Node, Source
from .values import REARRANGING

_DISCOUNT = frozenset({"gamma", "discount", "discounts", "discounting"})
_SQUARES = frozenset({"pow", "square"})
_MAX_FACTORS = 8


@dataclass(frozen=True, slots=True)
class OpenTarget:
    """`target` is what a model estimates plus what was observed, and `backward` changes it along with the prediction.

    `model` is its name, where it has one.
    """

    target: Operation
    model: str
    backward: fx.Backward


def open_targets(program: Program, gradients: Gradients) -> Iterator[OpenTarget]:
    told: set[ast.AST] = set()
    for entry in program.entries:
        for effect in entry.of(fx.Backward):
            for source in gradients.of(effect).passed:
                for one, other in _compared(source, gradients):
                    found = _target(one, gradients)
                    if found is None or found[0].site.node in told:
                        continue
                    target, estimate = found
                    shared = gradients.reach(estimate).models & gradients.reach(other).models
                    if shared:
                        told.add(target.site.node)
                        yield OpenTarget(target, min((model.name for model in shared if model.name), default=""), effect)


def _compared(source: Source, gradients: Gradients) -> Iterator[tuple[Node, Node]]:
    """What a loss compares, each way round."""
    operation = source.operation
    operands = source.operands
    if operation is not None and operation.name in _SQUARES and operands:
        inner = _head(operands[0], gradients)
        operands = inner.operands if inner is not None and inner.name == "sub" else ()
    elif operation is None or not _is_loss(operation):
        return
    if len(operands) >= 2:
        yield operands[0], operands[1]
        yield operands[1], operands[0]


def _is_loss(operation: Operation) -> bool:
    callee = operation.callee
    if operation.name in LOSS_OPERATIONS or callee is None:
        return operation.name in LOSS_OPERATIONS
    return callee.role is Role.LOSS_FUNCTION or (callee.role is None and suggests(callee.name, LOSS))


def _head(node: Node, gradients: Gradients) -> Source | None:
    """The one operation that computes a value, with its graph; rearrangements are passed over."""
    for _ in range(_MAX_FACTORS):
        sources = gradients.graph.sources(node)
        if len(sources) != 1 or sources[0].operation is None:
            return None
        operation = sources[0].operation
        if operation.cuts or not operation.recorded:
            return None
        if operation.name not in REARRANGING or not sources[0].operands:
            return sources[0]
        node = sources[0].operands[0]
    return None


def _target(node: Node, gradients: Gradients) -> tuple[Operation, Node] | None:
    """An observation plus a discounted estimate: the sum, and the estimate."""
    total = _head(node, gradients)
    if total is None or total.operation is None or total.name != "add" or len(total.operands) != 2:
        return None
    for observed, rest in (total.operands, total.operands[::-1]):
        factors = list(_factors(rest, gradients))
        discounted = any(_is_discount(factor) for factor in factors)
        estimates = [factor for factor in factors if gradients.reach(factor).modules]
        if discounted and len(estimates) == 1 and not gradients.reach(observed).modules:
            return total.operation, estimates[0]
    return None


def _factors(node: Node, gradients: Gradients) -> Iterator[Node]:
    waiting, seen = [node], 0
    while waiting and seen < _MAX_FACTORS:
        factor, seen = waiting.pop(), seen + 1
        product = _head(factor, gradients)
        if product is not None and product.name == "mul":
            waiting.extend(product.operands)
        else:
            yield factor


def _is_discount(node: Node) -> bool:
    value = node.value
    if isinstance(value, Constant):
        return isinstance(value.value, float) and 0 < value.value < 1
    return isinstance(value, Thing) and suggests(value.name.rpartition(".")[2], _DISCOUNT)
