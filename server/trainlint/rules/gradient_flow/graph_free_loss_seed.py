"""A loss is summed up from numbers without a graph on a start value that requires a gradient.

## What it does
Finds backwards on a sum whose only tensor with a gradient is the constant it started from, while what was added had
been cut off from the model.

## Why it matters
The `requires_grad=True` of the start value hides the error that would have told: the backward runs, gives the start
value a gradient, and no weight ever changes.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    total = torch.zeros(1, requires_grad=True)
    total = total + criterion(model(x), y).item()
    total.backward()
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    total = torch.zeros(1, requires_grad=True)
    total = total + criterion(model(x), y)
    total.backward()
    optimizer.step()
```

## When it stays silent
Where a term of the sum reaches parameters, where the start value is trained, and where a part is out of sight.

## Fix safety
Unsafe: training changes, which is the point. Offered where the cut is one call that can be left out.

## References
- [Autograd mechanics](https://docs.pytorch.org/docs/stable/notes/autograd.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.objectives import Fault
from ...finding import Severity
from ..remedy import left_out
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for dead in facts.dead_losses:
        if dead.fault is Fault.SEED and dead.cut is not None:
            cut = dead.cut.operation.site.node
            yield Observation(
                dead.backward.site,
                f"the backward on `{dead.backward.text}` reaches no parameter: only `{ast.unparse(dead.place)}`, which it "
                f"started from, requires a gradient, and `{ast.unparse(cut)}` is cut off from the model",
                confidence(not dead.assumed),
                ((dead.place, "the start value"), (cut, "the graph ends here")),
                left_out(dead.cut),
            )


RULE = Rule("TRN203", "graph-free-loss-seed", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
