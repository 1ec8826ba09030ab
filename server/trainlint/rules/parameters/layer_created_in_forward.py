"""The forward pass builds a layer with weights.

## What it does
Finds layers with weights that `forward` builds, computes with and drops.

## Why it matters
Each call draws new weights at random. No optimizer ever holds them, and what the model answers differs from call to call.
Nothing warns.

## Example
```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 8)

    def forward(self, x):
        return nn.Linear(8, 3)(self.body(x))
```

## Use instead
```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.body(x))
```

## When it stays silent
For layers without weights (`nn.ReLU()(x)`) or with weights that are not drawn, such as norms; where the layer is kept as an
attribute; where its weights are set in sight, as networks that compute the weights of others do.

## Fix safety
Unsafe: the layer is built once and trains, which is the point. There is none where what it is built of depends on what the model
is given.

## References
- [torch.nn.Module](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import BuildOnce
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.built_in_forward:
        yield Observation(
            one.place,
            f"the forward pass of `{one.owner}` builds this layer in each call: its weights are drawn anew and never train",
            confidence(True),
            remedies=(BuildOnce(one.place),),
        )


RULE = Rule("TRN314", "layer-created-in-forward", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
