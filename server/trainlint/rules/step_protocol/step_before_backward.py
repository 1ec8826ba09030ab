"""A step comes before the backward whose gradients it should apply, and those are cleared before the next step.

## What it does
Finds steps that meet cleared gradients on every path while the backward of the same iteration comes after them.

## Why it matters
Each step finds nothing, each backward is cleared before the next step: the weights never change.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    optimizer.step()
    loss.backward()
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
Where the step applies the gradients of the iteration before, as pipelined loops do that clear after the step.

## Fix safety
Unsafe: training changes. The step moves behind the backward of the same function; where a loss is computed for it
that nothing differentiates, its backward is inserted instead.

## References
- [Optimization step](https://docs.pytorch.org/docs/stable/optim.html#taking-an-optimization-step)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.empty import Emptiness
from ...finding import Severity
from ..remedy import BackwardBefore, MoveAfter
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for protocol in facts.protocols:
        for empty in protocol.empty:
            step = empty.step
            if empty.why is Emptiness.TOO_EARLY and empty.backward is not None:
                called = facts.wrappers.called(step, empty.backward.site.function)
                through = facts.differentiator(empty.target, called.site)
                yield Observation(
                    step.site,
                    f"`{written(step)}` has nothing to apply: the backward comes after this step, "
                    "and its gradients are cleared before the next one",
                    confidence(empty.target.certain),
                    ((empty.backward.site.node, "the gradients are computed here, too late"),),
                    (
                        BackwardBefore(called.site, called.spelled("step"), step.scaler, through, named=True),
                        MoveAfter(called.site, empty.backward.site),
                    ),
                )


RULE = Rule("TRN106", "step-before-backward", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
