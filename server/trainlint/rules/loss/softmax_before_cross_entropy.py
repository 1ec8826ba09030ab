"""A softmax is applied to what cross-entropy takes for logits.

## What it does
Finds losses of the cross-entropy kind, which apply a log-softmax of their own, whose input has already been through
a softmax, directly, in the last layer of a `Sequential`, or in the `forward` of the model.

## Why it matters
The second softmax squeezes scores that lie between 0 and 1. The loss can no longer come near zero (with three classes
it stays above 0.55), gradients are small where the model is sure and wrong, and training is slow or stalls.

## Example
```python
probabilities = torch.softmax(model(x), dim=1)
loss = F.cross_entropy(probabilities, y)
```

## Use instead
```python
loss = F.cross_entropy(model(x), y)
```

## When it stays silent
Where the input may have come about in another way, out of sight or on another path; for a softmax that serves
metrics, attention or routing; for a log-softmax, which a second one leaves as it is.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.nn.CrossEntropyLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.graph import Node
from ...finding import Severity
from ..remedy import removal
from ..rule import Fixability, Observation, Rule, called, confidence

_CROSS_ENTROPIES = ("cross_entropy", "softmax_cross_entropy")
_SOFTMAX = frozenset({"softmax"})


def check(facts: Facts) -> Iterable[Observation]:
    losses = (loss for name in _CROSS_ENTROPIES for loss in facts.operations.get(name, ()))
    for loss in losses:
        given = loss.arguments.get("input", loss.arguments.get("logits"))
        activations = facts.values.ends_in(Node(given), _SOFTMAX) if given is not None else ()
        for activation in activations[:1]:
            assert activation.place is not None
            yield Observation(
                loss.site,
                f"the input of `{called(loss)}` has been through a softmax, and the loss applies another: "
                "the loss cannot come near zero and training stalls",
                confidence(True),
                ((activation.place, "the first softmax"),),
                removal(activations),
            )


RULE = Rule("TRN501", "softmax-before-cross-entropy", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
