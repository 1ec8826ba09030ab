"""A part of the model is to be trained and every loss is cut off from it.

## What it does
Finds layers that an optimizer holds and that a loss depends on, where `no_grad`, `.detach()` or `.data` stands between them and
every loss of the program.

## Why it matters
The rest of the model trains, the loss falls, and nothing tells that these layers stay as they were drawn: only the head
learns, on random features.

## Example
```python
encoder, head = nn.Linear(4, 8), nn.Linear(8, 2)
optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()])
for x, y in loader:
    optimizer.zero_grad()
    with torch.no_grad():
        features = encoder(x)
    criterion(head(features), y).backward()
    optimizer.step()
```

## Use instead
```python
encoder, head = nn.Linear(4, 8), nn.Linear(8, 2)
optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()])
for x, y in loader:
    optimizer.zero_grad()
    with torch.enable_grad():
        features = encoder(x)
    criterion(head(features), y).backward()
    optimizer.step()
```

## When it stays silent
Where any path of any loss reaches the layers or none reaches anything that the optimizer holds, where they are frozen, loaded
or in no optimizer, for targets, teachers and copies, and where anything that a loss depends on is out of sight.

## Fix safety
Unsafe: training changes, which is the point. Offered where the cut is one call or one context.

## References
- [torch.Tensor.detach](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html)
- [torch.no_grad](https://docs.pytorch.org/docs/stable/generated/torch.no_grad.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import TurnOn, left_out
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for idle in facts.idle_branches:
        region = idle.cut.region
        yield Observation(
            idle.place,
            f"`{idle.part.name}` is never trained, though `{idle.target.name}` holds it: `{ast.unparse(idle.place)}` cuts every "
            "loss off from it",
            confidence(True),
            ((idle.backward.site.node, "no gradient gets there from this loss"),),
            (TurnOn(region),) if region is not None else left_out(idle.cut),
        )


RULE = Rule("TRN204", "trained-branch-detached", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
