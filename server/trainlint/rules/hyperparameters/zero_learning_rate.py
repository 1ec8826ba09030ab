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
Where a scheduler is built on the optimizer, where code writes `group["lr"]`, where groups have rates of their own,
and where the optimizer is returned or handed to code out of sight.

## Fix safety
Unsafe: training changes. The optimizer's own default is offered; a better rate is yours to find.

## References
- [torch.optim](https://docs.pytorch.org/docs/stable/optim.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Remedy, SetRateTo
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for rate in facts.rates:
        if rate.value != 0:
            continue
        remedies: tuple[Remedy, ...] = ()
        if rate.usual is not None and rate.usual.default is not None and rate.source is None:
            remedies = (SetRateTo(rate.place.node, rate.usual.default),)
        yield Observation(
            rate.place,
            f"`{rate.name}` has a learning rate of 0: no step changes the weights",
            confidence(rate.sure),
            ((rate.source, "the value comes from here"),) if rate.source is not None else (),
            remedies,
        )


RULE = Rule("TRN401", "zero-learning-rate", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
