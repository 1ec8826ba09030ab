"""A loss is computed from data alone.

## What it does
Finds backwards on a loss into which no output of a model goes: both arguments are what the loader handed out.

## Why it matters
There is nothing to differentiate: the backward raises an error. It is a slip of names, `criterion(y, y)` where the
model's output was meant.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    output = model(x)
    loss = criterion(x, y)
    loss.backward()
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    output = model(x)
    loss = criterion(output, y)
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where one of the arguments may come from a model, requires a gradient, or is out of sight.

## Fix safety
Unsafe: training changes, which is the point. The loss is given the one output of a model that nothing looks at; where there is
none, or more than one, the value that was meant is not known.

## References
- [A gentle introduction to torch.autograd](https://docs.pytorch.org/tutorials/beginner/blitz/autograd_tutorial.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.objectives import Fault
from ...finding import Severity
from ...program.effects import Forward
from ..remedy import GiveOutput
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for dead in facts.dead_losses:
        if dead.fault is Fault.DATA:
            yield Observation(
                dead.backward.site,
                f"the backward on `{dead.backward.text}` raises an error: `{ast.unparse(dead.place)}` is computed from data "
                "alone, and no model has a part in it",
                confidence(not dead.assumed),
                ((dead.place, "the loss"),),
                (GiveOutput(dead.place, dead.backward.site, tuple(one.site for one in facts.effects(Forward))),),
            )

    for found in facts.cut_losses:
        if found.cut is None and found.by:
            yield Observation(
                found.taken.site,
                f"the gradients by `{found.by}` are all zero: what `{called(found.taken)}` differentiates does not depend on it",
                confidence(True),
            )


RULE = Rule("TRN220", "loss-independent-of-model", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
