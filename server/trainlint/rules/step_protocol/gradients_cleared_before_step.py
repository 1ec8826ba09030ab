"""Gradients are cleared after the backward and before the step that should apply them.

## What it does
Finds steps that have nothing to apply on any path, because a clear comes between the backward and the step.

## Why it matters
The step sees no gradients: SGD changes nothing at all, optimizers with weight decay or momentum move the weights
for reasons that have nothing to do with the loss.

## Example
```python
for x, y in loader:
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.zero_grad()
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
Where some path brings gradients to the step: a clear under a guard that the step does not share, another optimizer
whose parameters are not cleared, a backward in between.

## Fix safety
Unsafe: training changes. The clear moves in front of the backward of the same function; where a loss is computed for
this step that nothing differentiates, its backward is inserted instead.

## References
- [Optimization step](https://docs.pytorch.org/docs/stable/optim.html#taking-an-optimization-step)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.empty import Emptiness
from ...finding import Severity
from ..remedy import BackwardBefore, MoveBefore, Remedy
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for protocol in facts.protocols:
        for empty in protocol.empty:
            if empty.why is not Emptiness.CLEARED:
                continue
            backward, clear, step = empty.backward, empty.clear, empty.step
            related = []
            remedies: list[Remedy] = [
                BackwardBefore(
                    way.site, way.spelled("step"), step.scaler, facts.differentiator(empty.target, way.site), named=True
                )
                for way in facts.wrappers.ways(step)
            ]
            if clear is not None:
                related.append((clear.site.node, "they are cleared here"))
            if backward is not None:
                related.append((backward.site.node, "gradients are computed here"))
            if clear is not None and backward is not None:
                remedies.append(MoveBefore(facts.wrappers.called(clear, backward.site.function).site, backward.site))
            yield Observation(
                step.site,
                f"`{written(step)}` has nothing to apply: its gradients are cleared after the backward and before this step",
                confidence(empty.target.certain),
                tuple(related),
                tuple(remedies),
            )


RULE = Rule("TRN103", "gradients-cleared-before-step", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
