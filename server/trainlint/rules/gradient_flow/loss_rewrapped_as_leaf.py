"""The number of a loss is wrapped into a new tensor that requires a gradient.

## What it does
Finds backwards on a leaf made of a loss: `torch.tensor(loss.item(), requires_grad=True)`, `Variable(loss.data,
requires_grad=True)`, `loss.detach().requires_grad_()`.

## Why it matters
It silences the error that a detached loss raises, and nothing else: the backward gives a gradient to the new tensor
and ends there. No weight ever changes, and nothing warns.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss = torch.tensor(loss.item(), requires_grad=True)
    loss.backward()
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
Where the leaf is what is trained (an optimizer holds it), where its gradient is read, as in backwards that are split in
two, and where what it is made of is out of sight.

## Fix safety
Unsafe: the weights change from then on. Offered where the number is read out and wrapped in one expression.

## References
- [Autograd mechanics](https://docs.pytorch.org/docs/stable/notes/autograd.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.objectives import Fault
from ...finding import Severity
from ..remedy import KeepGraph
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for dead in facts.dead_losses:
        if dead.fault is Fault.LEAF:
            yield Observation(
                dead.backward.site,
                f"the backward on `{dead.backward.text}` reaches no parameter: `{ast.unparse(dead.place)}` makes a new leaf of "
                "its number, and no weight changes",
                confidence(not dead.assumed),
                ((dead.place, "the leaf: gradients end here"),),
                (KeepGraph(dead.place),),
            )


RULE = Rule("TRN202", "loss-rewrapped-as-leaf", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
