"""A gradient scaler serves a training in bfloat16.

## What it does
Finds gradient scalers that are switched on although every autocast of the program computes in bfloat16.

## Why it matters
The scaler keeps small gradients from vanishing in float16. bfloat16 has the range of float32: nothing vanishes, and the
scaler costs time and skips steps.

## Example
```python
scaler = torch.amp.GradScaler()
for x, y in loader:
    optimizer.zero_grad()
    with torch.autocast("cuda", dtype=torch.bfloat16):
        loss = criterion(model(x), y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
```

## Use instead
```python
scaler = torch.amp.GradScaler(enabled=False)
for x, y in loader:
    optimizer.zero_grad()
    with torch.autocast("cuda", dtype=torch.bfloat16):
        loss = criterion(model(x), y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
```

## When it stays silent
Where the type or `enabled` is not known, or differs between the autocasts.

## Fix safety
Unsafe: gradients are no longer scaled, which is the point. The scaler is switched off; its calls stay as they are.

## References
- [torch.amp.GradScaler](https://docs.pytorch.org/docs/stable/amp.html#gradient-scaling)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.scalers import bfloat16_scalers
from ...finding import Severity
from ..remedy import SetArgument
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for scaler, autocast in bfloat16_scalers(facts.operations.get("autocast", ()), facts.operations.get("scale", ())):
        if scaler.node is not None:
            yield Observation(
                scaler.node,
                f"`{scaler.name}` scales losses that are computed in bfloat16, which needs no scaling",
                confidence(True),
                ((autocast.site.node, "the type is chosen here"),),
                (SetArgument(scaler.node, -1, "enabled", "False", "Switch the scaler off"),),
            )


RULE = Rule("TRN806", "scaler-with-bfloat16", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
