"""A learning rate schedule is built and never stepped.

## What it does
Finds schedulers whose `step()` nothing calls, while their optimizer trains.

## Why it matters
The learning rate stays where the schedule starts: it never decays, and a warm-up never ends. Building a schedule alone
does nothing but to set that first rate.

## Example
```python
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 90)
for epoch in range(90):
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
```

## Use instead
```python
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 90)
for epoch in range(90):
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    scheduler.step()
```

## When it stays silent
Where the scheduler is returned, stored in an object, given to another schedule, or handed to code out of sight, such as a
trainer; where some call of a method `step` in the file cannot be followed.

## Fix safety
Unsafe: training changes, which is the point. The step goes to the end of the epoch, for one-cycle and cyclic schedules to the end
of the batch; where it is not clear what a turn of the loop is, no fix is offered.

## References
- [How to adjust learning rate](https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Insert
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.schedules.idle():
        name = fact.scheduler.name
        yield Observation(
            fact.built.site,
            f"nothing steps `{name or written(fact.built)}`: the learning rate stays where this schedule starts",
            confidence(True),
            ((fact.step.site, "its optimizer trains here"),),
            (Insert(fact.after, f"{name}.step()", "behind it"),) if fact.after is not None and name else (),
        )


RULE = Rule("TRN702", "scheduler-never-stepped", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
