"""Batches that are left over at the end of an epoch are not applied when their epoch ends.

## What it does
Finds loops over batches whose step waits for every k-th one, in which the last batches of an epoch are left over where their
number is no multiple of k: nothing steps for them, and the next epoch counts anew.

## Why it matters
The gradients of the batches that are left over are thrown away, or go into the first step of the next epoch, which is then
larger than the others.

## Example
```python
for epoch in range(10):
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y) / 4
        loss.backward()
        if (i + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
```

## Use instead
```python
for epoch in range(10):
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y) / 4
        loss.backward()
        if (i + 1) % 4 == 0 or i + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()
```

## When it stays silent
Where a step behind the loop applies the rest, where the guard lets other batches pass too, where batches are counted on
from one epoch to the next, where the number of batches is a multiple of k, and where it is a number chosen out of sight.

## Fix safety
Unsafe: training changes. The last batch of the epoch is let through the guard.

## References
- [Gradient accumulation](https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-accumulation)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import StepAtEnd
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for gathered in facts.accumulations:
        count = facts.shapes.batches(gathered.loop.over) if gathered.loop.runs is None else gathered.loop.runs
        chosen = count is None and gathered.numbered
        whole = count is not None and gathered.turns is not None and count % gathered.turns == 0
        if gathered.cleared is not None or not gathered.exact or not gathered.restarts or gathered.flushed or whole or chosen:
            continue
        window = f"{gathered.turns} batches" if gathered.turns is not None else "some number of batches"
        yield Observation(
            gathered.step.site,
            f"`{written(gathered.step)}` waits for {window} and does not run for those left over at the end of an epoch: "
            "their gradients are thrown away or go into the next epoch",
            confidence(gathered.target.certain and count is not None and gathered.turns is not None),
            ((gathered.loop.node, "the batches of an epoch"),),
            (StepAtEnd(gathered.step.site, gathered.loop.node),),
        )


RULE = Rule("TRN407", "last-accumulation-window-dropped", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
