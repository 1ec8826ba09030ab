"""An optimizer keeps a learning rate of zero.

## What it does
Finds optimizers built with a learning rate that is known to be zero and that nothing changes later.

## Why it matters
Every update is multiplied by the rate: the weights stay as they were initialised.

## Example
```python
optimizer = torch.optim.Adam(model.parameters(), lr=0)
```

## Use instead
```python
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
```

## When it stays silent
Where a scheduler is built on the optimizer, where code writes `group["lr"]`, where other groups have other rates, where
code tests an option before it is used, where the optimizer is returned or handed to code out of sight, and in functions
that are called tests: those ask what such a rate does.

## Fix safety
Unsafe: training changes. The optimizer's own default is offered; a better rate is yours to find.

## References
- [torch.optim](https://docs.pytorch.org/docs/stable/optim.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import SetRateTo
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for rate in facts.rates:
        if rate.value != 0 or rate.among or rate.tested:
            continue
        unless = " unless the command line gives another" if rate.option else ""
        yield Observation(
            rate.place,
            f"`{rate.name}` has a learning rate of 0{unless}: no step changes the weights",
            confidence(rate.sure),
            rate.origins,
            (SetRateTo(*rate.better),) if rate.better is not None else (),
        )


RULE = Rule("TRN401", "zero-learning-rate", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
