"""Loaders that training goes over, and the order of what they hand out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.program import Program
from ...program.things import Sequence, Thing
from ..flow.graph import Node
from ..flow.values import REARRANGING, Values

_ORDERING = frozenset({"shuffle", "sampler", "batch_sampler", "**"})
_FOLDERS = (".ImageFolder", ".DatasetFolder")
_OF_CLASSES = frozenset({"cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"})
_FILLED = frozenset({"zeros", "ones", "full", "zeros_like", "ones_like", "full_like"})
_KEEPING = (REARRANGING - {"getitem", "index_select", "take", "gather"}) | {"long", "int"}


@dataclass(frozen=True, slots=True)
class OrderedLoader:
    """`loader` hands out samples class by class, in the order of `dataset`, and `step` trains on them."""

    loader: Thing
    dataset: Thing
    step: fx.Step


def ordered_loaders(program: Program, values: Values) -> Iterator[OrderedLoader]:
    told: set[Thing] = set()
    classes = any(operation.name in _OF_CLASSES for operation in program.operations)
    for entry in program.entries:
        for loader, step in trained_loaders(entry.body):
            if loader in told or _ORDERING & loader.arguments.keys() or len(loader.positional) > 2:
                continue
            told.add(loader)
            dataset = loader.arguments.get("dataset", loader.positional[0] if loader.positional else None)
            if isinstance(dataset, Thing) and _by_class(dataset, values, classes=classes):
                yield OrderedLoader(loader, dataset, step)


def trained_loaders(block: fx.Block, loader: Thing | None = None) -> Iterator[tuple[Thing, fx.Step]]:
    """Every loader whose batches something steps for, with that step."""
    for item in block.items:
        if isinstance(item, fx.Effect):
            if loader is not None and isinstance(item, fx.Step):
                yield loader, item
        elif isinstance(item, fx.Loop):
            over = item.over
            inside = over if isinstance(over, Thing) and (over.created_by or "").endswith("data.DataLoader") else loader
            yield from trained_loaders(item.body, inside)
        else:
            for part in fx.blocks_of(item):
                yield from trained_loaders(part, loader)


def _by_class(dataset: Thing, values: Values, *, classes: bool) -> bool:
    """The samples of one class stand together; `classes`: the program tells classes apart."""
    made = dataset.created_by or ""
    if made.endswith(_FOLDERS):
        return classes
    if not made.endswith("data.TensorDataset") or len(dataset.positional) < 2:
        return False
    heads = values.heads(Node(dataset.positional[-1]), _KEEPING)
    return bool(heads) and all(_blocks(head.name, head.operands, values) for head in heads)


def _blocks(name: str | None, operands: tuple[Node, ...], values: Values) -> bool:
    if name == "repeat_interleave":
        return True
    if name not in ("cat", "concat", "concatenate") or not operands or not isinstance(operands[0].value, Sequence):
        return False
    parts = [values.heads(Node(item, operands[0].environment)) for item in operands[0].value.items]
    return len(parts) > 1 and all(found and all(head.name in _FILLED for head in found) for found in parts)
