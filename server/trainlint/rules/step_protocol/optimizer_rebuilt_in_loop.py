"""An optimizer is built anew for every batch.

## What it does
Finds optimizers that are built in the body of the loop over batches that steps them, over a model from outside of it.

## Why it matters
Momentum, the moments of Adam and its correction of the first steps live in the optimizer. A new one forgets them: every step
is a first step, of a size that has nothing to do with the gradients of before. Nothing warns.

## Example
```python
for x, y in loader:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## Use instead
```python
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## When it stays silent
Where each turn has a model of its own, or resets the one it has; in loops over tasks, folds or epochs; where an inner loop
makes the steps; for plain gradient descent, which keeps nothing between steps.

## Fix safety
Unsafe: training changes. Offered where nothing in the construction depends on the turn.

## References
- [torch.optim: constructing it](https://docs.pytorch.org/docs/stable/optim.html#constructing-it)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.restarts import Restart
from ...finding import Severity
from ..remedy import MoveOut
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.restarted:
        if one.restart is Restart.OPTIMIZER:
            holder = f"`{one.thing.name}`" if one.thing.name else "this optimizer"
            yield Observation(
                one.place,
                f"{holder} is built anew for every batch: what it keeps from step to step is lost in each turn",
                confidence(True),
                ((one.loop, "this loop builds it in each turn"),),
                (MoveOut(one.place, one.loop),),
            )


RULE = Rule("TRN112", "optimizer-rebuilt-in-loop", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
