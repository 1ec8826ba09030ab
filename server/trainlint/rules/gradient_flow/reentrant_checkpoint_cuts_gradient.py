"""A reentrant checkpoint is given nothing that requires a gradient, so that the weights inside get none.

## What it does
Finds `checkpoint(module, x, use_reentrant=True)` where no argument has a graph, though the module has weights to train.

## Why it matters
The reentrant kind looks at its inputs only: if none requires a gradient, neither does the output, and the weights inside
are never trained. There is a warning, which is shown once and easily lost, and no error.

## Example
```python
from torch.utils.checkpoint import checkpoint

first, head = nn.Linear(4, 4), nn.Linear(4, 2)
optimizer = torch.optim.SGD([*first.parameters(), *head.parameters()], lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(head(checkpoint(first, x, use_reentrant=True)), y)
    loss.backward()
    optimizer.step()
```

## Use instead
```python
from torch.utils.checkpoint import checkpoint

first, head = nn.Linear(4, 4), nn.Linear(4, 2)
optimizer = torch.optim.SGD([*first.parameters(), *head.parameters()], lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(head(checkpoint(first, x, use_reentrant=False)), y)
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where an argument requires a gradient or may, where the module is frozen or out of sight, and where the kind is not stated.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.utils.checkpoint](https://docs.pytorch.org/docs/stable/checkpoint.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Compose
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for found in facts.cut_checkpoints:
        switch = found.switch
        yield Observation(
            found.operation.site,
            f"`{written(found.operation)}` gives `{found.model.name}` no gradient: a reentrant checkpoint has one only where an "
            "input requires one, and none does",
            confidence(True),
            ((found.model.node, "its weights are never trained"),) if found.model.node is not None else (),
            (Compose(switch, ("False",), "Use the kind that is not reentrant"),) if switch is not None else (),
        )


RULE = Rule("TRN217", "reentrant-checkpoint-cuts-gradient", Severity.WARNING, Fixability.ALWAYS, "0.1.0", check)
