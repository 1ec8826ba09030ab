"""The weights of a hidden layer all start from one number.

## What it does
Finds hidden layers whose weights and biases are set to a constant, where the weights of the layer behind are as well.

## Why it matters
All units of the layer compute the same, get the same gradient and stay the same: however wide the layer is, it has one unit.
With zeros in both layers not even that one learns.

## Example
```python
hidden, head = nn.Linear(4, 8), nn.Linear(8, 1)
for layer in (hidden, head):
    nn.init.constant_(layer.weight, 0.5)
    nn.init.zeros_(layer.bias)
loss = head(torch.relu(hidden(torch.randn(2, 4)))).mean()
loss.backward()
```

## Use instead
```python
hidden, head = nn.Linear(4, 8), nn.Linear(8, 1)
for layer in (hidden, head):
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
loss = head(torch.relu(hidden(torch.randn(2, 4)))).mean()
loss.backward()
```

## When it stays silent
Where only one of two layers is constant (the last layer of a residual branch, an adapter), where biases are drawn at random,
where some are set under a condition, where dropout tells the units apart, and where weights are loaded.

## Fix safety
Unsafe: training changes, which is the point. The constant goes, and the hidden layer keeps the weights that it draws when it is
built; whether another distribution fits its activations better is for its author to say.

## References
- [torch.nn.init](https://docs.pytorch.org/docs/stable/nn.init.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ...program.things import Thing
from ..remedy import Remove
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for start in facts.constant_starts:
        layer, behind = _called(start.layer, "the hidden layer"), _called(start.behind, "the layer behind it")
        yield Observation(
            start.fill.site,
            f"`{written(start.fill)}` lets all units of {layer} start alike, and {behind} weighs them alike: "
            "they stay alike, as if there were one",
            confidence(True),
            ((start.layer.node, "the hidden layer"),) if start.layer.node is not None else (),
            (Remove(start.fill.site, alone=True),) if start.layer.in_sight else (),
        )


def _called(layer: Thing, else_called: str) -> str:
    return f"`{layer.name}`" if layer.name else else_called


RULE = Rule("TRN003", "constant-weight-initialisation", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
