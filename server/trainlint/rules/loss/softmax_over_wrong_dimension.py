"""A softmax over the classes goes along the batch.

## What it does
Finds losses whose input has been through a softmax or log-softmax along dimension 0, where that dimension counts the samples
and the classes stand in another, and softmaxes without a dimension, of three-dimensional tensors.

## Why it matters
The scores of different samples compete with each other: what is predicted for one depends on which others are in the batch,
and no class ever wins. Without a dimension one is chosen by the number of dimensions, and of three it is the first.

## Example
```python
head = nn.Linear(4, 3)
scores = F.log_softmax(head(torch.randn(8, 4)), dim=0)
loss = F.nll_loss(scores, torch.zeros(8).long())
```

## Use instead
```python
head = nn.Linear(4, 3)
scores = F.log_softmax(head(torch.randn(8, 4)), dim=1)
loss = F.nll_loss(scores, torch.zeros(8).long())
```

## When it stays silent
Where the scores do not come straight from a layer (a contrastive loss compares a batch with itself), where there may be no
batch at all, and for a softmax that does not feed a loss.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.nn.functional.log_softmax](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.graph import Node
from ...finding import Severity
from ..remedy import Remedy, SetArgument
from ..rule import Fixability, Observation, Rule, called, confidence

_SOFTMAX = frozenset({"softmax", "log_softmax"})
_LAYERS = frozenset({"linear", "conv1d", "conv2d", "conv3d"})
_TAKING = ("nll_loss", "kl_div", "binary_cross_entropy", "mse_loss", "l1_loss")


def check(facts: Facts) -> Iterable[Observation]:
    for loss in (loss for name in _TAKING for loss in facts.operations.get(name, ())):
        given = loss.arguments.get("input")
        heads = facts.values.ends_in(Node(given), _SOFTMAX) if given is not None else ()
        for head in heads[:1]:
            operation = head.operation
            assert operation is not None
            behind = facts.values.ends_in(head.operands[0], _LAYERS, frozenset({"dropout", "float", "to", "contiguous"}))
            form = facts.shapes.of(head.operands[0])
            along = facts.shapes.dimension(operation)
            over_batch = along == 0 and form.least >= 2 and form.last not in (None, 1)
            chosen = along is None and form.rank == 3
            if not behind or not facts.values.by_layers(behind) or not (over_batch or chosen) or head.place is None:
                continue
            remedies: tuple[Remedy, ...] = ()
            if len(heads) == 1:
                remedies = (SetArgument(head.place, 0 if operation.callee else 1, "dim", "-1", "Go along the last dimension"),)
            yield Observation(
                head.place,
                f"this softmax goes along the samples of the batch: `{called(loss)}` is given scores in which they compete with "
                "each other instead of the classes",
                confidence(True),
                ((loss.site, "the loss is computed here"),),
                remedies,
            )


RULE = Rule("TRN508", "softmax-over-wrong-dimension", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
