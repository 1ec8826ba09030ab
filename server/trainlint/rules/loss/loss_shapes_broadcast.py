"""Predictions in a column are compared with targets in a row.

## What it does
Finds losses, and squared or absolute differences written by hand, between a prediction of shape [N, 1] and a target of
shape [N].

## Why it matters
Broadcasting makes a table of it: every prediction is compared with every target, and the model learns their mean. The
built-in losses warn once or raise; a difference written by hand says nothing.

## Example
```python
head = nn.Linear(4, 1)
x, y = torch.randn(8, 4), torch.randn(8)
loss = (head(x) - y).pow(2).mean()
```

## Use instead
```python
head = nn.Linear(4, 1)
x, y = torch.randn(8, 4), torch.randn(8)
loss = (head(x).squeeze(-1) - y).pow(2).mean()
```

## When it stays silent
Where one of the two shapes is out of sight, where the sizes differ, and where the column is made on purpose: pairs of all
with all, several hypotheses for one target.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [Broadcasting](https://docs.pytorch.org/docs/stable/notes/broadcasting.html)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...analysis.facts import Facts
from ...analysis.flow.graph import Node
from ...analysis.tensors.forms import Form
from ...finding import Severity
from ...program.things import Operation, Value
from ..remedy import OnOperand
from ..rule import Fixability, Observation, Rule, called, confidence, written

_LOSSES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
_RAISING = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
_LAYERS = frozenset({"linear"})
_KEEPING = frozenset({"dropout", "float", "to", "contiguous", "clone", "identity", "cuda", "sigmoid", "tanh", "relu", "softplus"})


def check(facts: Facts) -> Iterable[Observation]:
    for operation, sides, text in _comparisons(facts):
        forms = [facts.shapes.of(Node(side)) for side in sides]
        for column, row in ((0, 1), (1, 0)):
            heads = facts.values.ends_in(Node(sides[column]), _LAYERS, _KEEPING)
            if not heads or not _crossed(forms[column], forms[row], lenient=operation.name != "sub"):
                continue
            if {head.place for head in heads} & {head.place for head in facts.values.heads(Node(sides[row]))}:
                continue
            raising = operation.name in _RAISING
            yield Observation(
                operation.site,
                f"{text} predictions of shape {_shape(forms[column])} with targets of shape {_shape(forms[row])}: "
                + ("that raises an error" if raising else "every prediction meets every target, and the model learns their mean"),
                confidence(forms[column].rank == 2),
                ((heads[0].place, "one output for each sample"),) if heads[0].place is not None else (),
                (OnOperand(operation.site.node, column, ("input", "target")[column], "squeeze(-1)"),),
            )
            break


def _comparisons(facts: Facts) -> Iterator[tuple[Operation, tuple[Value, Value], str]]:
    for name in (*_LOSSES, *_RAISING):
        for loss in facts.operations.get(name, ()):
            given, target = loss.arguments.get("input"), loss.arguments.get("target")
            if given is not None and target is not None:
                yield loss, (given, target), f"`{called(loss)}` compares"
    told: set[Operation] = set()
    for name in ("pow", "square", "abs"):
        for outer in facts.operations.get(name, ()):
            for source in facts.values.graph.sources(Node(outer.inputs[0])) if outer.inputs else ():
                difference = source.operation
                if difference is not None and difference.name == "sub" and difference not in told and len(difference.inputs) == 2:
                    told.add(difference)
                    yield difference, (difference.inputs[0], difference.inputs[1]), f"`{written(difference)}` compares"


def _crossed(column: Form, row: Form, *, lenient: bool) -> bool:
    """A column of N and a row of N; where `lenient`, one of the two may be out of sight."""
    if row.rank != 1 or row.dims[0] == 1 or column.last != 1 or column.rank not in (None, 2):
        return False
    count = None if column.open else column.dims[0]
    return count == row.dims[0] or (lenient and None in (count, row.dims[0]))


def _shape(form: Form) -> str:
    sizes = ["N" if size is None else str(size) for size in form.dims]
    return "[" + ", ".join(["N"] * (form.open) + sizes) + "]"


RULE = Rule("TRN506", "loss-shapes-broadcast", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
