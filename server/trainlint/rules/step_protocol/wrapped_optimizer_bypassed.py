"""The optimizer inside a wrapper is stepped, and the wrapper's own step never runs.

## What it does
Finds steps of an optimizer that an object of the program holds, where the object has a `step` of its own that sets the learning
rate before it steps, and nothing ever calls that.

## Why it matters
Wrappers such as the one of the Transformer's warm-up schedule count steps and compute the rate in their `step`. Stepping what
they hold trains with the rate that the inner optimizer was built with, often 0 or a placeholder, and no schedule ever runs.

## Example
```python
class Warmup:
    def __init__(self, optimizer):
        self.optimizer, self.count = optimizer, 0

    def step(self):
        self.count += 1
        for group in self.optimizer.param_groups:
            group["lr"] = min(1e-3, self.count * 1e-6)
        self.optimizer.step()


warmup = Warmup(torch.optim.Adam(model.parameters(), lr=1e-3))
for x, y in loader:
    warmup.optimizer.zero_grad()
    criterion(model(x), y).backward()
    warmup.optimizer.step()
```

## Use instead
```python
class Warmup:
    def __init__(self, optimizer):
        self.optimizer, self.count = optimizer, 0

    def step(self):
        self.count += 1
        for group in self.optimizer.param_groups:
            group["lr"] = min(1e-3, self.count * 1e-6)
        self.optimizer.step()


warmup = Warmup(torch.optim.Adam(model.parameters(), lr=1e-3))
for x, y in loader:
    warmup.optimizer.zero_grad()
    criterion(model(x), y).backward()
    warmup.step()
```

## When it stays silent
Where the wrapper's step is called anywhere, does not set a rate, or is out of sight; where the rate is set in another way; where
code out of sight gets the wrapper; inside the wrapper's own methods.

## Fix safety
Unsafe: the schedule runs from then on.

## References
- [The Annotated Transformer: the optimizer](https://nlp.seas.harvard.edu/annotated-transformer/#optimizer)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Remedy, Rewrite
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.bypassed_steps:
        step, wrapper = one.step, one.wrapper.name or "the object around it"
        remedies: tuple[Remedy, ...] = ()
        if one.instead is not None:
            remedies = (Rewrite(step.site, (one.instead,), f"Call `{one.instead}`", step.site.node),)
        yield Observation(
            step.site,
            f"this steps what `{wrapper}` holds, and its own `step`, which sets the learning rate as well, never runs",
            confidence(True),
            ((one.rate.site, "the learning rate would be set here"),),
            remedies,
        )


RULE = Rule("TRN111", "wrapped-optimizer-bypassed", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
