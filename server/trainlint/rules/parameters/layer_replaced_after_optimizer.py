"""A layer takes its place in the model after the optimizer was built.

## What it does
Finds layers and parameters that a model is given when its optimizer exists already and that no optimizer holds.

## Why it matters
An optimizer holds the parameters that the model had when it was built. A layer that comes later gets gradients and is
never stepped: it keeps its first random weights, while the optimizer goes on with the layer that is gone. Nothing warns.

## Example
```python
optimizer = torch.optim.AdamW(model.parameters())
model.fc = nn.Linear(512, 10)
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## Use instead
```python
model.fc = nn.Linear(512, 10)
optimizer = torch.optim.AdamW(model.parameters())
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## When it stays silent
Where the optimizer is built again later, or given the new layer by `add_param_group`; where the layer has no parameters or
is frozen; where the optimizer never steps afterwards; where code out of sight gets both the model and the optimizer.

## Fix safety
Unsafe: the new layer trains from then on.

## References
- [torch.optim.Optimizer.add_param_group](https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.add_param_group.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ...program.things import Role
from ..remedy import Insert, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for new in facts.holdings.new_layers:
        optimizer = new.optimizer.name
        remedies: tuple[Remedy, ...] = ()
        if new.named and optimizer and not new.scheduled and new.built.function is new.place.function:
            added = f"[{new.written}]" if new.layer.role is Role.LEAF else f"{new.written}.parameters()"
            call = f'{optimizer}.add_param_group({{"params": {added}}})'
            remedies = (Insert(new.place, call, "after it"),)
        holder = f"`{optimizer}`" if optimizer else "the optimizer"
        yield Observation(
            new.place,
            f"`{new.written}` is put into the model after {holder} was built, which does not hold it: it never trains",
            confidence(new.certain),
            ((new.built, f"{holder} holds what the model was made of here"),),
            remedies,
        )


RULE = Rule("TRN301", "layer-replaced-after-optimizer", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
