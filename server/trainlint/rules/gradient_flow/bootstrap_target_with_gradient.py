"""The target of a bootstrapped loss is computed by the model being trained, and gradients flow through it.

## What it does
Finds losses that compare the estimate of a model with `reward + gamma * estimate`, where the second estimate comes from the
same model and has a graph.

## Why it matters
The backward moves the target towards the prediction as well as the prediction towards the target. That is another
algorithm, slower and often unstable, and nothing tells.

## Example
```python
for x, reward in loader:
    values = model(x)[:, 0]
    target = reward + 0.99 * model(x + 1).max(1).values
    loss = F.mse_loss(values, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Use instead
```python
for x, reward in loader:
    values = model(x)[:, 0]
    target = (reward + 0.99 * model(x + 1).max(1).values).detach()
    loss = F.mse_loss(values, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where the estimate is detached or computed without autograd, where a model of its own computes the targets, and for losses that
have the same model on both sides on purpose: nothing is discounted and observed there.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [Reinforcement Learning (DQN) tutorial](https://docs.pytorch.org/tutorials/intermediate/reinforcement_q_learning.html)
- [Residual algorithms (Baird, 1995)](https://doi.org/10.1016/B978-1-55860-377-6.50013-X)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Compose
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for found in facts.open_targets:
        node, model = found.target.site.node, f"`{found.model}`" if found.model else "the same model"
        yield Observation(
            found.target.site,
            f"gradients flow through the target `{written(found.target)}`: the backward on `{found.backward.text}` moves it "
            f"towards what {model} predicts, and not only the other way round",
            confidence(False),
            ((found.backward.site.node, "this backward"),),
            (Compose(node, ("(", node, ").detach()"), "Detach the target"),),
        )


RULE = Rule("TRN214", "bootstrap-target-with-gradient", Severity.WARNING, Fixability.ALWAYS, "0.1.0", check)
