"""A loss is computed while autograd is turned off, and differentiated.

## What it does
Finds backwards on a loss whose forward pass, or whose last operations, run inside `no_grad`, `inference_mode`,
`set_grad_enabled(False)` or a function with such a decorator.

## Why it matters
No graph is built there: the backward raises an error ("element 0 of tensors does not require grad and does not have a
grad_fn").

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    with torch.no_grad():
        loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    with torch.enable_grad():
        loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where any term of the loss reaches parameters, where only the backward and the step are inside, which is allowed, where
gradients are turned on again inside, where the mode depends on a condition, and where a part of the loss is out of sight.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.no_grad](https://docs.pytorch.org/docs/stable/generated/torch.no_grad.html)
- [torch.inference_mode](https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad_mode.inference_mode.html)
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
        if dead.fault is Fault.NO_GRAD and dead.cut is not None:
            yield Observation(
                dead.backward.site,
                f"the backward on `{dead.backward.text}` raises an error: `{ast.unparse(dead.place)}` turns autograd off where "
                "the loss is computed",
                confidence(not dead.assumed),
                ((dead.place, "autograd is off in here"), (dead.cut.operation.site.node, "computed without a graph")),
                (TurnOn(dead.place),),
            )


RULE = Rule("TRN205", "training-under-no-grad", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
