"""Graphs are retained so that a value can be carried from turn to turn, and every turn differentiates all of them again.

## What it does
Finds backwards with `retain_graph=True` that run in every turn of a loop and go through a value of the turn before.

## Why it matters
`retain_graph=True` silences the error that the carried value raises, and keeps the graphs of all turns: memory and time grow
with every turn, and gradients are computed with weights that have changed since (or raise an error for that).

## Example
```python
total = torch.zeros(())
for x, y in loader:
    optimizer.zero_grad()
    total = total + criterion(model(x), y)
    total.backward(retain_graph=True)
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where the graph is retained for a second backward of the same turn, a gradient penalty or two losses that share a forward pass,
where the carried value is detached on any path, as in truncated backpropagation through time, and where the model is out of
sight.

## Fix safety
Unsafe: training changes, which is the point. What is carried loses its history at the end of each turn. There is none where it
is not known to be a tensor.

## References
- [torch.Tensor.backward](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Insert
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for carried in facts.carried_graphs:
        if carried.retained:
            yield Observation(
                carried.backward.site,
                f"every turn differentiates the graphs of all turns before again: `{written(carried.carrier)}` starts from a "
                f"value of the turn before, and the backward on `{carried.backward.text}` retains its graph",
                confidence(True),
                (
                    (carried.carrier.site.node, "takes the graph of the turn before into this one"),
                    (carried.loop.node, "nothing in this loop detaches it"),
                ),
                (Insert(carried.backward.site, carried.release, "after the backward"),) if carried.release is not None else (),
            )


RULE = Rule("TRN213", "retain-graph-in-loop", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
