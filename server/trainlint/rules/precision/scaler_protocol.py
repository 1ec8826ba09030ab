"""A gradient scaler is used in an order that it refuses.

## What it does
Finds `scaler.step(optimizer)` in a loop that never updates the scaler, `unscale_` of gradients that are unscaled already,
and `scaler.step(optimizer)` where the scaler never multiplied a loss.

## Why it matters
Each of these raises a `RuntimeError` or an `AssertionError`, the first two only in the second turn, or after the first
batch of an accumulation.

## Example
```python
scaler = torch.amp.GradScaler()
for x, y in loader:
    optimizer.zero_grad()
    scaler.scale(criterion(model(x), y)).backward()
    scaler.step(optimizer)
```

## Use instead
```python
scaler = torch.amp.GradScaler()
for x, y in loader:
    optimizer.zero_grad()
    scaler.scale(criterion(model(x), y)).backward()
    scaler.step(optimizer)
    scaler.update()
```

## When it stays silent
Where the scaler is built out of sight, or with an `enabled` that is not known to be true; where code out of sight gets it;
where the step has nothing to apply, which another rule says.

## Fix safety
Unsafe: the program runs further than before.

## References
- [torch.amp.GradScaler](https://docs.pytorch.org/docs/stable/amp.html#gradient-scaling)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Insert, MoveAfter, Remove
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for late in facts.unupdated_scalers:
        yield Observation(
            late.step.site,
            f"`{written(late.step)}` raises in its second turn: nothing updates `{late.step.scaler}` in this loop",
            confidence(True),
            ((late.loop.node, "this loop steps again and again"),),
            (
                MoveAfter(late.update.site, late.step.site, "after the step")
                if late.update is not None
                else Insert(late.step.site, f"{late.step.scaler}.update()", "after the step"),
            ),
        )
    for twice in facts.twice_unscaled:
        why = "its step has unscaled them" if twice.step is not None else "they are unscaled already"
        yield Observation(
            twice.unscale.site,
            f"`{written(twice.unscale)}` raises: {why}",
            confidence(True),
            ((twice.step.site, "the gradients are unscaled and applied here"),) if twice.step is not None else (),
            (Remove(twice.unscale.site),),
        )
    for step, scaler in facts.unused_scalers:
        yield Observation(
            step.site,
            f"`{written(step)}` raises: `{step.scaler}` has scaled no loss",
            confidence(True),
            ((scaler.node, "this scaler multiplies no loss"),) if scaler.node is not None else (),
        )


RULE = Rule("TRN803", "scaler-protocol", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
