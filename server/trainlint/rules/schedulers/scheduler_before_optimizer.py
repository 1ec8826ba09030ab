"""A learning rate schedule moves on before the first step of its optimizer.

## What it does
Finds calls of `scheduler.step()` that stand in front of the first `optimizer.step()` of the loop they share.

## Why it matters
The first learning rate of the schedule is never used: every step is made with the rate of the step, or of the epoch, after it.
A warm-up loses its first value, a milestone comes one epoch early. PyTorch says so in a warning that is easily overlooked.

## Example
```python
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
for epoch in range(90):
    scheduler.step()
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
```

## Use instead
```python
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
for epoch in range(90):
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    scheduler.step()
```

## When it stays silent
Where the optimizer or the schedule comes from out of sight or was restored, where a condition guards the call, where an epoch is
given to it, and for schedules that wait for a metric.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [How to adjust learning rate](https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import MoveAfter
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.schedules.early():
        step = written(fact.step)
        yield Observation(
            fact.schedule.site,
            f"`{written(fact.schedule)}` comes before the first `{step}`: the first learning rate of the schedule is never used",
            confidence(fact.certain),
            ((fact.step.site, "the optimizer steps only here"),),
            (MoveAfter(fact.schedule.site, fact.after, f"after `{step}`"),) if fact.after is not None else (),
        )


RULE = Rule("TRN701", "scheduler-before-optimizer", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
