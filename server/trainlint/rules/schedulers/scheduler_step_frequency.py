"""A schedule is made for a number of epochs and stepped with every batch, or the other way round.

## What it does
Finds schedulers whose size is written like the bound of the loop over epochs and whose `step()` runs in the loop over batches;
and those made for all batches of all epochs whose `step()` runs once in each epoch.

## Why it matters
Stepped too often, the schedule is through long before training is: a cosine goes up and down again many times, a one-cycle
schedule ends in an error. Stepped too rarely, training ends in the warm-up, with a small part of the highest learning rate.

## Example
```python
epochs = int(input())
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
for epoch in range(epochs):
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
        scheduler.step()
```

## Use instead
```python
epochs = int(input())
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
for epoch in range(epochs):
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    scheduler.step()
```

## When it stays silent
Where the size is a number or another expression than the bound of the loop, where a condition guards the step, and for schedules
that are given the epoch or restart on purpose.

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
    for fact in facts.wrong_cadences:
        turn = "epoch: training ends before most of it is reached" if fact.rare else "batch: it ends long before training does"
        where = "into the loop over batches" if fact.rare else "behind the loop over batches"
        yield Observation(
            fact.schedule.site,
            f"the schedule is made for `{fact.size}` steps, and `{written(fact.schedule)}` runs once for every {turn}",
            confidence(True),
            (
                (fact.built.site, "the schedule is built here"),
                (fact.outer, "this loop runs over epochs"),
                (fact.inner, "this loop runs over batches"),
            ),
            (MoveAfter(fact.schedule.site, fact.beside, where),),
        )


RULE = Rule("TRN704", "scheduler-step-frequency", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
