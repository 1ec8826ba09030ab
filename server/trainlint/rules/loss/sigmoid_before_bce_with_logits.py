"""A sigmoid is applied to what a binary cross-entropy takes for logits.

## What it does
Finds binary cross-entropies with logits, which apply a sigmoid of their own, whose input has already been through a
sigmoid: directly, in the last layer of a `Sequential`, or in the `forward` of the model.

## Why it matters
The second sigmoid maps scores between 0 and 1 to probabilities between 0.5 and 0.73. The loss for a negative example
cannot fall below 0.69 and that for a positive one not below 0.31, and gradients are small throughout.

## Example
```python
probabilities = torch.sigmoid(model(x))
loss = F.binary_cross_entropy_with_logits(probabilities, y)
```

## Use instead
```python
loss = F.binary_cross_entropy_with_logits(model(x), y)
```

## When it stays silent
Where the input may have come about in another way, out of sight or on another path; for a sigmoid that serves metrics,
gates or attention.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.nn.BCEWithLogitsLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.graph import Node
from ...finding import Severity
from ..remedy import removal
from ..rule import Fixability, Observation, Rule, called, confidence

_CROSS_ENTROPIES = ("binary_cross_entropy_with_logits", "sigmoid_cross_entropy")
_SIGMOID = frozenset({"sigmoid", "sigmoid_", "hardsigmoid"})


def check(facts: Facts) -> Iterable[Observation]:
    losses = (loss for name in _CROSS_ENTROPIES for loss in facts.operations.get(name, ()))
    for loss in losses:
        given = loss.arguments.get("input", loss.arguments.get("logits"))
        activations = facts.values.ends_in(Node(given), _SIGMOID) if given is not None else ()
        for activation in activations[:1]:
            assert activation.place is not None
            yield Observation(
                loss.site,
                f"the input of `{called(loss)}` has been through a sigmoid, and the loss applies another: "
                "no prediction comes near 0 or 1 and training stalls",
                confidence(True),
                ((activation.place, "the first sigmoid"),),
                removal(activations),
            )


RULE = Rule("TRN502", "sigmoid-before-bce-with-logits", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
