"""A learning rate schedule changes the rate of an optimizer that does not train.

## What it does
Finds schedulers that are stepped while nothing steps the optimizer they were built for: another one, over the same parameters,
trains in its place.

## Why it matters
The schedule sets rates that nobody uses. The optimizer that trains keeps its first learning rate to the end.

## Example
```python
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
for epoch in range(90):
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    scheduler.step()
```

## Use instead
```python
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
for epoch in range(90):
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    scheduler.step()
```

## When it stays silent
Where the first optimizer is stepped anywhere, is wrapped in another object, or is handed to code out of sight.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [How to adjust learning rate](https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.schedules import StraySchedule
from ...finding import Severity
from ..remedy import BuildAfter, Remedy, Rewrite
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.schedules.stray():
        first = "the first " if fact.renewed else ""
        kind = "another optimizer took its name" if fact.renewed else f"`{fact.other.name}` trains in its place"
        yield Observation(
            fact.schedule.site,
            f"`{written(fact.schedule)}` changes the learning rate of an optimizer that nothing steps: {kind}",
            confidence(True),
            (
                (fact.built.site, f"the schedule is built for {first}`{fact.optimizer.name}`"),
                (fact.step.site, "this one trains"),
            ),
            (_remedy(fact),),
        )


def _remedy(fact: StraySchedule) -> Remedy:
    if fact.renewed:
        return BuildAfter(fact.built.site, fact.rebuilt.site, fact.built.thing.name)
    title = f"Build the schedule for `{fact.other.name}`"
    return Rewrite(fact.built.site, (fact.other.name,), title, fact.argument)


RULE = Rule("TRN703", "scheduler-on-another-optimizer", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
