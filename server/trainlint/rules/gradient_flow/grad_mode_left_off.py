"""Autograd is turned off by a call and still off when a loss is computed for training.

## What it does
Finds backwards on a loss that is computed after `torch.set_grad_enabled(False)` stood as a statement, with nothing in
between that turns autograd on again.

## Why it matters
The call lasts until another one: an evaluation that turns autograd off turns it off for the training that follows, and
the backward raises an error.

## Example
```python
torch.set_grad_enabled(False)
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## Use instead
```python
torch.set_grad_enabled(True)
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where the call is the context of a `with` statement, where its argument is a condition, where another path turns autograd
on again, and in functions that others call.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.set_grad_enabled](https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad_mode.set_grad_enabled.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.objectives import Fault
from ...finding import Severity
from ..remedy import TurnOn
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for dead in facts.dead_losses:
        if dead.fault is Fault.MODE and dead.cut is not None:
            yield Observation(
                dead.backward.site,
                f"the backward on `{dead.backward.text}` raises an error: `{ast.unparse(dead.place)}` turned autograd off, and "
                "nothing turns it on before the loss is computed",
                confidence(not dead.assumed),
                ((dead.place, "autograd is off from here on"), (dead.cut.operation.site.node, "computed without a graph")),
                (TurnOn(dead.place),),
            )


RULE = Rule("TRN206", "grad-mode-left-off", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
