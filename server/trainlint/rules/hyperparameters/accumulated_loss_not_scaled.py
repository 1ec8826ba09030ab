"""Mean losses of several batches are added up without being divided by their number.

## What it does
Finds loops whose step waits for every k-th batch, where each batch adds the gradients of a loss that is a mean over the
batch, and nothing divides by k.

## Why it matters
The gradients are k times as large as those of one large batch: as if the learning rate were k times as large. A rate that
worked without accumulation diverges, or clipping takes a bite that was not meant.

## Example
```python
for i, (x, y) in enumerate(loader):
    loss = criterion(model(x), y)
    loss.backward()
    if (i + 1) % 4 == 0:
        optimizer.step()
        optimizer.zero_grad()
```

## Use instead
```python
for i, (x, y) in enumerate(loader):
    loss = criterion(model(x), y) / 4
    loss.backward()
    if (i + 1) % 4 == 0:
        optimizer.step()
        optimizer.zero_grad()
```

## When it stays silent
Where the loss is multiplied, divided or weighted by anything, is a sum, or may be something else; where gradients or the
learning rate are changed by hand; under an accelerator or another library that divides; for optimizers of the Adam
kind, which a common factor does not disturb, unless gradients are clipped.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [Gradient accumulation](https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-accumulation)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import DivideLoss, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for gathered in facts.accumulations:
        if gathered.cleared is not None or not gathered.sensitive or not facts.is_mean(gathered.backward.loss):
            continue
        divisor = gathered.written or gathered.turns
        remedies: tuple[Remedy, ...] = (DivideLoss(gathered.backward.site, divisor),) if divisor is not None else ()
        times = f"{gathered.turns} times as large as" if gathered.turns is not None else "a multiple of"
        yield Observation(
            gathered.backward.site,
            f"the gradients of several batches are added up for one step, and `{gathered.backward.text}` is not divided by their "
            f"number: they are {times} those of one batch",
            confidence(gathered.target.certain and gathered.turns is not None),
            ((gathered.step.site, "all of them are applied here"),),
            remedies,
        )


RULE = Rule("TRN406", "accumulated-loss-not-scaled", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
