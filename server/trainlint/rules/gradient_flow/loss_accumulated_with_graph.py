"""Losses are summed up over the turns of a loop with their graphs.

## What it does
Finds sums that outlive the turns of a loop, to which each turn adds a loss as a tensor with its graph, after or before a
backward on it.

## Why it matters
The sum is for the log and will never be differentiated, but every term holds its graph: memory grows with every batch.

## Example
```python
running = 0.0
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    running += loss
```

## Use instead
```python
running = 0.0
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    running += loss.detach()
```

## When it stays silent
Where the sum is differentiated or starts anew inside the loop, where no backward uses up the graph of the loss, where the
loss is a number or detached, where autograd is off, and in loops of a few turns.

## Fix safety
Safe: what is trained does not change, and the sum stays a tensor.

## References
- [Frequently asked questions: my model reports "out of memory"](https://docs.pytorch.org/docs/stable/notes/faq.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Compose
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for growing in facts.growing_sums:
        text, term = growing.text, ast.unparse(growing.term)
        yield Observation(
            growing.operation.site,
            f"`{term}` is added with its graph, which no backward will use: memory grows with every turn of this loop",
            confidence(True),
            ((growing.backward.site.node, "it is differentiated here already"), (growing.loop.node, "this loop")),
            (Compose(growing.term, (f"{text}.detach()",), f"Add `{text}.detach()`", safe=True),),
        )


RULE = Rule("TRN211", "loss-accumulated-with-graph", Severity.WARNING, Fixability.ALWAYS, "0.1.0", check)
