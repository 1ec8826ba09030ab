"""Everything that an optimizer holds is frozen.

## What it does
Finds optimizers that step and whose parameters have all been frozen before, for good.

## Why it matters
Frozen parameters get no gradient, so the step has nothing to apply. If nothing else trains, the backward raises an error; if
something else does, the run goes on in silence.

## Example
```python
for parameter in model.parameters():
    parameter.requires_grad = False
head = nn.Linear(2, 2)
optimizer = torch.optim.Adam(model.parameters())
for x, y in loader:
    optimizer.zero_grad()
    criterion(head(model(x)), y).backward()
    optimizer.step()
```

## Use instead
```python
for parameter in model.parameters():
    parameter.requires_grad = False
head = nn.Linear(2, 2)
optimizer = torch.optim.Adam(head.parameters())
for x, y in loader:
    optimizer.zero_grad()
    criterion(head(model(x)), y).backward()
    optimizer.step()
```

## When it stays silent
Where any of the parameters may train again later, where the model gets new layers after it was frozen, where only some
parameters are frozen or chosen, and where code out of sight gets the model.

## Fix safety
There is no fix: which parameters are meant to train is not in the code.

## References
- [Excluding subgraphs from backward](https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.frozen_optimizers:
        holder = f"`{one.optimizer.name}`" if one.optimizer.name else "this optimizer"
        yield Observation(
            one.built,
            f"all parameters that {holder} holds are frozen when it steps: nothing in it trains",
            confidence(one.certain),
            tuple((place, "they are frozen here") for place in one.frozen),
        )
    for found in facts.frozen_models:
        yield Observation(
            found.fit.site,
            f"`{called(found.fit)}` trains nothing: the whole of `{found.model.name}` is frozen",
            confidence(True),
            ((found.change.site.node, "it is frozen here"),),
        )


RULE = Rule("TRN303", "optimizer-over-frozen-parameters", Severity.ERROR, Fixability.NEVER, "0.1.0", check)
