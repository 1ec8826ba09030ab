"""A learning rate lies far outside what its optimizer works with.

## What it does
Finds optimizers of a module's parameters whose learning rate is known, stays as it is, and is at or below 1e-7 or a
hundred times above the usual upper end for that optimizer.

## Why it matters
At such a rate the updates vanish in rounding, or throw the weights about: the loss stays flat or becomes NaN.

## Example
```python
optimizer = torch.optim.Adam(model.parameters(), lr=1e-10)
```

## Use instead
```python
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
```

## When it stays silent
Where a scheduler or code sets the rate later, where the rate is not a number in sight or is an option's default, for tiny
rates of one group among others, for tensors that are
optimized directly (images, latent codes), and for optimizers whose usual range is not known.

## Fix safety
Unsafe: training changes. The optimizer's own default is offered; a better rate is yours to find.

## References
- [torch.optim](https://docs.pytorch.org/docs/stable/optim.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.rates import TOO_SMALL
from ...finding import Severity
from ..remedy import SetRateTo
from ..rule import Fixability, Observation, Rule, confidence

TIMES_TOO_LARGE = 100
TIMES_TOO_LARGE_FOR_ANYTHING = 1_000


def check(facts: Facts) -> Iterable[Observation]:
    for rate in facts.rates:
        if rate.usual is None or not (rate.on_module or rate.assumed) or rate.value == 0 or rate.option:
            continue
        times = TIMES_TOO_LARGE_FOR_ANYTHING if rate.assumed else TIMES_TOO_LARGE
        if TOO_SMALL < abs(rate.value) <= times * rate.usual.upper:
            continue
        small = abs(rate.value) <= TOO_SMALL
        if small and rate.among:
            continue
        yield Observation(
            rate.place,
            f"`{rate.name}` has a learning rate of {rate.value:g}: "
            + (
                "updates this small vanish in rounding"
                if small
                else f"such optimizers usually work at or below {rate.usual.upper:g}, and updates this large destroy the weights"
            ),
            confidence(rate.sure),
            rate.origins,
            (SetRateTo(*rate.better),) if rate.better is not None else (),
        )


RULE = Rule("TRN402", "learning-rate-out-of-range", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
