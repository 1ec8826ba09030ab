"""A frozen part of a model goes on to update the statistics of its batch norms.

## What it does
Finds modules with batch norm that are frozen whole, trained through, and in training mode.

## Why it matters
Freezing parameters does not freeze buffers. In training mode every forward pass moves the running mean and variance of each
batch norm towards those of the new data, so the "frozen" part computes something else after every batch, and what it gives in
evaluation is not what the pretrained weights were made for.

## Example
```python
frozen = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8))
frozen.requires_grad_(False)
head = nn.Linear(8, 2)
tuner = torch.optim.SGD(head.parameters(), lr=0.1)
for x, y in loader:
    tuner.zero_grad()
    criterion(head(frozen(x)), y).backward()
    tuner.step()
```

## Use instead
```python
frozen = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8))
frozen.requires_grad_(False)
frozen.eval()
head = nn.Linear(8, 2)
tuner = torch.optim.SGD(head.parameters(), lr=0.1)
for x, y in loader:
    tuner.zero_grad()
    criterion(head(frozen(x)), y).backward()
    tuner.step()
```

## When it stays silent
Where the module, or a part of it, is put into evaluation mode anywhere; where it may train again later; where it is not known to
hold a batch norm that tracks statistics; where code out of sight gets it; and where only some of its parameters are frozen.

## Fix safety
Unsafe: the statistics stay as they are from then on.

## References
- [torch.nn.BatchNorm1d](https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html)
- [pytorch#9046](https://github.com/pytorch/pytorch/issues/9046)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Insert, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.drifting_statistics:
        name = one.module.name
        remedies: tuple[Remedy, ...] = ()
        anchor = one.mode or (one.frozen if one.alone else None)
        if name and anchor is not None:
            remedies = (Insert(anchor, f"{name}.eval()", "after this"),)
        yield Observation(
            one.frozen,
            f"`{name or 'this module'}` is frozen here, but its batch norms are not: in training mode every batch moves their "
            "statistics",
            confidence(True),
            ((one.mode, "it is in training mode from here on"),) if one.mode is not None else (),
            remedies,
        )


RULE = Rule("TRN309", "frozen-batchnorm-still-tracks", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
