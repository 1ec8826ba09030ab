"""What losses are given as targets, and whether it can be one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from ...program.things import Operation, Thing
from ..flow.gradients import Gradients
from ..flow.graph import Node
from .forms import FLOAT, INT, Form
from .shapes import Shapes

_OF_CLASSES = frozenset({"cross_entropy", "nll_loss"})
_BINARY = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits"})


class Wrong(Enum):
    """What is wrong with a target."""

    SWAPPED = "the target and the prediction are exchanged"
    FRACTIONS = "class numbers are fractions"
    ONE_HOT = "classes are rows of zeros and ones"
    COLUMN = "class numbers stand in a column"
    INTEGERS = "zeros and ones are integers"
    CLASSES = "class numbers, and the loss is for one class"


@dataclass(frozen=True, slots=True)
class WrongTarget:
    """`loss` is given a target that is `wrong`; `of_classes`: it takes class numbers. `made` is what computed the target."""

    loss: Operation
    wrong: Wrong
    of_classes: bool
    made: Operation | None
    integers: bool


def wrong_targets(operations: Mapping[str, list[Operation]], shapes: Shapes, gradients: Gradients) -> Iterator[WrongTarget]:
    for name in (*sorted(_OF_CLASSES), *sorted(_BINARY)):
        for loss in operations.get(name, ()):
            given, target = loss.arguments.get("input"), loss.arguments.get("target")
            if given is None or target is None:
                continue
            of_classes = name in _OF_CLASSES
            form = shapes.of(Node(target))
            sources = shapes.graph.sources(Node(target))
            made = sources[0].operation if len(sources) == 1 else None
            if _swapped(Node(given), Node(target), gradients):
                wrong: Wrong | None = Wrong.SWAPPED
            elif of_classes:
                wrong = _class_target(shapes.of(Node(given)), form, made)
            else:
                wrong = _binary_target(shapes.of(Node(given)), form)
            if wrong is not None:
                yield WrongTarget(loss, wrong, of_classes, made, form.kind == INT)


def _class_target(given: Form, target: Form, made: Operation | None) -> Wrong | None:
    """The target of a loss over classes: their numbers, or for cross-entropy a probability for each."""
    scores = given.rank if given.rank is not None else given.least
    if target.kind == FLOAT and target.rank == 1 and scores >= 2:
        return Wrong.FRACTIONS
    if target.kind == INT and target.rank is not None and given.rank == 2 and target.rank == 2:
        return Wrong.COLUMN if target.last == 1 else Wrong.ONE_HOT
    if made is not None and made.name == "one_hot" and given.open and given.last is not None and given.last == target.last:
        return Wrong.ONE_HOT
    return None


def _binary_target(given: Form, target: Form) -> Wrong | None:
    """The target of a loss for each class by itself: as many numbers as there are predictions, and no integers."""
    scores = given.rank if given.rank is not None else given.least
    if target.rank == 1 and scores >= 2 and given.last is not None and given.last > 1:
        return Wrong.CLASSES
    return Wrong.INTEGERS if target.kind == INT else None


def _swapped(given: Node, target: Node, gradients: Gradients) -> bool:
    """The prediction is data, and the target comes from a model."""
    first = gradients.reach(given)
    if not first.nothing or gradients.severed(first) or not all(_batch(thing) for thing in first.data):
        return False
    second = gradients.reach(target)
    return bool(second.modules) and not second.opaque


def _batch(thing: Thing) -> bool:
    return thing.data and thing.parent is not None
