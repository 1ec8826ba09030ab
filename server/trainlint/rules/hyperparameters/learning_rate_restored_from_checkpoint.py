"""A loaded state replaces the learning rate that the optimizer was built with.

## What it does
Finds optimizers that are built with a learning rate in sight, load a state before their first step, and then train with the rate
that came with the state.

## Why it matters
The state of an optimizer holds its parameter groups, and these hold the rate. Loading it undoes the rate that was chosen a few
lines above: a fine-tuning run goes on with the large rate of the first training, or with the rate of nearly zero that a schedule
had arrived at.

## Example
```python
resumed = torch.optim.SGD(model.parameters(), lr=1e-4)
resumed.load_state_dict(torch.load("checkpoint.pt")["optimizer"])
for x, y in loader:
    resumed.zero_grad()
    criterion(model(x), y).backward()
    resumed.step()
```

## Use instead
```python
resumed = torch.optim.SGD(model.parameters(), lr=1e-4)
resumed.load_state_dict(torch.load("checkpoint.pt")["optimizer"])
resumed.param_groups[0]["lr"] = 1e-4
for x, y in loader:
    resumed.zero_grad()
    criterion(model(x), y).backward()
    resumed.step()
```

## When it stays silent
Where the rate is out of sight or set again, by a schedule or by hand; where the load is under a condition, as in a script that
may resume; where the program saves the state of its optimizers, so that what it loads is an earlier run of its own; where code
out of sight gets the optimizer.

## Fix safety
Unsafe: training changes. The rate is set again behind the load.

## References
- [torch.optim.Optimizer.load_state_dict](https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.load_state_dict.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Insert, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.restored_rates:
        name = one.optimizer.name
        holder = f"`{name}`" if name else "this optimizer"
        remedies: tuple[Remedy, ...] = ()
        if name and one.one_group:
            remedies = (Insert(one.load, f'{name}.param_groups[0]["lr"] = {one.rate:g}', "after the load"),)
        instead = f"{one.saved:g}" if one.saved is not None else "that of the checkpoint"
        yield Observation(
            one.place,
            f"{holder} never trains with the learning rate {one.rate:g}: the state that is loaded replaces it by {instead}",
            confidence(one.saved is not None and not one.optimizer.escaped),
            ((one.load, f"`{ast.unparse(one.load.node)}` brings a rate of its own"),),
            remedies,
        )


RULE = Rule("TRN409", "learning-rate-restored-from-checkpoint", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
