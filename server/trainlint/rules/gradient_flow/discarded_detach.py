"""A tensor is detached and the result is dropped.

## What it does
Finds `tensor.detach()` as a statement of its own, on a tensor that a model computed.

## Why it matters
`detach` returns a new tensor and leaves the old one as it is: the graph that was to be cut is still there, gradients flow
where they were not meant to, and memory is held.

## Example
```python
head = nn.Linear(2, 2)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    features = model(x)
    features.detach()
    criterion(head(features), y).backward()
    optimizer.step()
```

## Use instead
```python
head = nn.Linear(2, 2)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    features = model(x)
    features = features.detach()
    criterion(head(features), y).backward()
    optimizer.step()
```

## When it stays silent
For `detach_`, which works in place, for results that are used, and for objects of which it is not known that they are tensors.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.Tensor.detach](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Compose
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for discarded in facts.discarded_detaches:
        name = ast.unparse(discarded.holder)
        node = discarded.operation.site.node
        yield Observation(
            discarded.operation.site,
            f"`{written(discarded.operation)}` changes nothing: it returns a new tensor, which is dropped, and `{name}` "
            "keeps its graph",
            confidence(not discarded.assumed),
            remedies=(Compose(node, (f"{name} = ", node), f"Assign the result to `{name}`"),),
        )


RULE = Rule("TRN208", "discarded-detach", Severity.WARNING, Fixability.ALWAYS, "0.1.0", check)
