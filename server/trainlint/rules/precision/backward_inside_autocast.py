"""The backward runs under autocast.

## What it does
Finds backwards inside a `with autocast(...)` block.

## Why it matters
Every operation of the backward runs in the type that autocast chose for its forward; under autocast, operations of the
backward may be cast once more. PyTorch advises against it: the block should hold the forward and the loss, no more.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    with torch.autocast("cpu"):
        loss = criterion(model(x), y)
        loss.backward()
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    with torch.autocast("cpu"):
        loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where autocast is built with `enabled=False`, or is one of several contexts.

## Fix safety
Unsafe: gradients are computed in another precision, which is the point. There is none where something is computed behind the
backward that the block may be meant for.

## References
- [torch.autocast](https://docs.pytorch.org/docs/stable/amp.html#torch.autocast)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.scalers import autocast_around
from ...finding import Severity
from ...program.effects import Backward
from ..remedy import LeaveBlock
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for backward in facts.effects(Backward):
        context = autocast_around(backward)
        if context is not None:
            yield Observation(
                backward.site,
                f"the backward of `{backward.text}` runs under autocast, which is meant for the forward only",
                confidence(True),
                ((context.node, "autocast is on from here"),),
                (LeaveBlock(backward.site, context.node),),
            )


RULE = Rule("TRN805", "backward-inside-autocast", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
