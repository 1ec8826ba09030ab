"""A binary cross-entropy that takes probabilities is given raw scores.

## What it does
Finds `binary_cross_entropy` and `BCELoss` whose input is the plain output of a layer, with no sigmoid behind it.

## Why it matters
Scores below 0 or above 1 raise an error, on the first batch or after some epochs; those between are taken for
probabilities that the model never meant.

## Example
```python
loss = F.binary_cross_entropy(model(x), y)
```

## Use instead
```python
loss = F.binary_cross_entropy_with_logits(model(x), y)
```

## When it stays silent
Where the input may have come about in another way, out of sight or on another path: the sigmoid may be the last layer of
a model in another file.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.nn.BCEWithLogitsLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.graph import Node
from ...analysis.flow.values import UNBOUNDED
from ...finding import Severity
from ..misfit import of_another_range
from ..remedy import another_loss
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for loss in facts.operations.get("binary_cross_entropy", ()):
        given = loss.arguments.get("input")
        heads = facts.values.ends_in(Node(given), UNBOUNDED | {"log_softmax", "logsigmoid"}) if given is not None else ()
        if not heads or not facts.values.by_layers(heads):
            continue
        assert heads[0].place is not None
        yield Observation(
            loss.site,
            f"`{called(loss)}` takes probabilities, and its input has been through no sigmoid: "
            "a score below 0 or above 1 is an error, the others are taken for what they are not",
            confidence(True),
            ((heads[0].place, "the last computation before the loss"),),
            another_loss(loss, "binary_cross_entropy_with_logits") if {head.name for head in heads} <= UNBOUNDED else (),
        )

    yield from of_another_range(facts, "sigmoid", "no probability")


RULE = Rule("TRN504", "bce-loss-on-logits", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
