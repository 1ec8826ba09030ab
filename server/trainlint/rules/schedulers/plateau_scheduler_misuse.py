"""A schedule that waits for a metric to stop improving is not given that metric.

## What it does
Finds `ReduceLROnPlateau` schedulers whose `step()` is given nothing, a counter of epochs, or, in place of a loss, a rate of right
answers while `mode="max"` is missing.

## Why it matters
Without an argument the call ends in an error. A counter, and an accuracy in `mode="min"`, grow while training goes well: the
schedule takes that for a plateau and divides the learning rate by ten again and again, until nothing trains.

## Example
```python
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
for epoch in range(90):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step(epoch)
```

## Use instead
```python
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
for epoch in range(90):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step(total)
```

## When it stays silent
Where the metric or the mode is out of sight. What a variable is called does not matter, only how it is computed.

## Fix safety
Unsafe: training changes, which is the point. The schedule is given the loss of the epoch where that is in sight,
else the one of its last batch.

## References
- [ReduceLROnPlateau](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.schedules import Metric, WrongMetric
from ...finding import Severity
from ..remedy import Compose, GiveLoss, Remedy
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.schedules.metrics():
        yield Observation(
            fact.schedule.site,
            _MESSAGES[fact.metric].format(written(fact.schedule)),
            confidence(True),
            ((fact.built.site, "the schedule is built here"),),
            _remedies(fact),
        )


_MESSAGES = {
    Metric.NOTHING: "`{}` ends in an error: this schedule needs the metric that it waits for",
    Metric.COUNTER: "`{}` gives the schedule a counter for a metric: it grows, and the learning rate falls again and again",
    Metric.ACCURACY: "`{}` gives the schedule a rate of right answers, which it takes for a loss: the better it is, "
    "the lower the learning rate",
}


def _remedies(fact: WrongMetric) -> tuple[Remedy, ...]:
    title = 'Let the schedule look for a maximum, with `mode="max"`'
    if fact.metric is not Metric.ACCURACY:
        return (GiveLoss(fact.schedule.site),)
    if fact.mode is not None:
        return (Compose(fact.mode, ('"max"',), title),)
    return (Compose(fact.last_argument, (fact.last_argument, ', mode="max"'), title),) if fact.last_argument is not None else ()


RULE = Rule("TRN705", "plateau-scheduler-misuse", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
