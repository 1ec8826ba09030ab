"""A loss is differentiated that was cut off from the model before.

## What it does
Finds backwards on a loss whose graph ends at `.item()`, `.detach()`, `.data`, `float(...)`, `argmax` or a tensor built
anew, on every path that leads back to parameters. The same where a tape takes the gradients: `.numpy()`, `int(...)`,
`tf.round`, `tf.argmax`.

## Why it matters
There is nothing to differentiate: the backward raises an error ("element 0 of tensors does not require grad and does not
have a grad_fn"), or every gradient is None and nothing is left to apply.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y).detach()
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
Where any term of the loss still reaches parameters or a tensor that requires a gradient, and where a part of it is out
of sight; for values that are cut off for logging after the backward.

## Fix safety
Unsafe: training changes, which is the point. Offered where the cut is one call that can be left out.

## References
- [torch.Tensor.detach](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.differentiations import STOPPING, Way
from ...analysis.flow.objectives import Fault
from ...finding import Severity
from ..remedy import left_out
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for loss in facts.dead_losses:
        if loss.fault is not Fault.DETACHED:
            continue
        yield Observation(
            loss.backward.site,
            f"the backward on `{loss.backward.text}` raises an error: `{ast.unparse(loss.place)}` cuts the loss off "
            "from the model",
            confidence(not loss.assumed),
            ((loss.place, "the graph ends here"),),
            left_out(loss.cut),
        )
    for dead in facts.differentiations.dead():
        if dead.way is not Way.CUT:
            continue
        place = dead.cut.operation.site.node
        yield Observation(
            dead.taken.operation.site,
            f"`{dead.taken.called}` has no gradient to give: `{ast.unparse(place)}` cuts `{dead.taken.written[0]}` off from "
            f"`{dead.taken.written[1]}`",
            confidence(not dead.assumed),
            ((place, "the gradients end here"),),
            left_out(dead.cut),
        )

    for found in facts.cut_losses:
        if found.cut is None or found.cut.name in STOPPING:
            continue
        by = f"`{found.by}`" if found.by else "what it is differentiated by"
        yield Observation(
            found.taken.site,
            f"all gradients are zero: `{written(found.cut)}` cuts the loss off from {by}",
            confidence(True),
            ((found.cut.site, "no gradient passes here"),),
        )


RULE = Rule("TRN201", "backward-on-detached-loss", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
