"""A tensor computed in inference mode is given to a layer or a loss that is trained.

## What it does
Finds values computed inside `torch.inference_mode()` that a layer with weights, or a loss, takes outside of it on the way to a
backward.

## Why it matters
Tensors of inference mode can have no part in a graph: a layer that keeps one for the gradient of its weights raises an
error ("Inference tensors cannot be saved for backward"). `torch.no_grad()` has no such effect on what it computes.

## Example
```python
backbone, head = nn.Linear(4, 3), nn.Linear(3, 2)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
for x, y in loader:
    with torch.inference_mode():
        features = backbone(x)
    loss = criterion(head(features), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Use instead
```python
backbone, head = nn.Linear(4, 3), nn.Linear(3, 2)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
for x, y in loader:
    with torch.no_grad():
        features = backbone(x)
    loss = criterion(head(features), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where the value is cloned first, where the layer is frozen or out of sight, and where nothing is differentiated.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.inference_mode](https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad_mode.inference_mode.html)
- [Autograd mechanics: inference mode](https://docs.pytorch.org/docs/stable/notes/autograd.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import CallInstead
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for found in facts.inference_tensors:
        context = ast.unparse(found.context)
        yield Observation(
            found.user.site,
            f"`{written(found.user)}` raises an error: `{written(found.made)}` was computed under `{context}`, and such a tensor "
            "cannot be kept for a backward",
            confidence(True),
            ((found.made.site.node, "computed here"), (found.context, "no tensor of this mode can have a part in a graph")),
            (CallInstead(found.context, "no_grad"),),
        )


RULE = Rule("TRN207", "inference-tensor-in-training", Severity.ERROR, Fixability.ALWAYS, "0.1.0", check)
