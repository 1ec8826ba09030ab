"""Gradients are to be gathered over several batches, and are cleared at every one of them.

## What it does
Finds loops whose step waits for every k-th batch while the gradients are cleared at each.

## Why it matters
The step applies the gradients of the last batch alone. All others were computed for nothing: the effective batch is k
times smaller than meant, and most of the time is wasted.

## Example
```python
for i, (x, y) in enumerate(loader):
    optimizer.zero_grad()
    loss = criterion(model(x), y) / 4
    loss.backward()
    if (i + 1) % 4 == 0:
        optimizer.step()
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
Where the clear is guarded too, where the backward stands under the guard of the step, where gradients are read or kept
elsewhere, where another optimizer applies them at every turn, and under an accelerator, whose optimizers ignore a
`zero_grad` while gradients are gathered.

## Fix safety
Unsafe: training changes, which is the point. The clear goes behind the step.

## References
- [Gradient accumulation](https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-accumulation)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import MoveAfter
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for gathered in facts.accumulations:
        clear = gathered.cleared
        if clear is None:
            continue
        yield Observation(
            clear.site,
            f"`{written(clear)}` runs for every batch and `{written(gathered.step)}` only for some: "
            "the gradients of all others are thrown away",
            confidence(gathered.target.certain),
            ((gathered.backward.site, "computed for every batch"), (gathered.step.site, "applied only now and then")),
            (MoveAfter(clear.site, gathered.step.site, "behind the step", within=True),),
        )


RULE = Rule("TRN408", "zero-grad-every-micro-batch", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
