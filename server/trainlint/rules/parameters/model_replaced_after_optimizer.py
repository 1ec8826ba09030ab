"""The model is replaced after its optimizer was built.

## What it does
Finds optimizers that step after the model they were built over has been built again, copied or loaded with
`assign=True`, while the losses are those of the new one.

## Why it matters
The optimizer holds the parameters of a model that nobody computes anything with any more. The new model gets gradients and
is never changed; the step applies nothing. Nothing warns.

## Example
```python
import copy

optimizer = torch.optim.Adam(model.parameters())
model = copy.deepcopy(model)
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## Use instead
```python
import copy

model = copy.deepcopy(model)
optimizer = torch.optim.Adam(model.parameters())
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## When it stays silent
Where an optimizer holds the new model, or may; where the loss goes through both; where the program reads or writes
gradients itself. A plain `load_state_dict`, `model.to(device)`, `torch.compile` and the wrappers for several devices keep the
parameters, and are fine after the optimizer.

## Fix safety
Unsafe: the new model trains from then on.

## References
- [torch.optim: constructing it](https://docs.pytorch.org/docs/stable/optim.html#constructing-it)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import BuildAfter, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for new in facts.holdings.new_models:
        optimizer, model = new.optimizer.name, new.model.name
        remedies: tuple[Remedy, ...] = ()
        if optimizer and not new.scheduled and not (new.copied and new.old.name and model != new.old.name):
            remedies = (BuildAfter(new.built, new.place, optimizer),)
        holder = f"`{optimizer}`" if optimizer else "the optimizer"
        if new.renewed:
            said = f"this gives `{model}` new parameters, and {holder} holds those from before: its steps change nothing of it"
        else:
            what = "a copy" if new.copied else "another model"
            said = f"from here on `{model}` is {what}, and {holder} has the parameters of the one before: its steps train nothing"
        yield Observation(
            new.place,
            said,
            confidence(new.certain),
            ((new.built, f"{holder} was built over the model of that time"),),
            remedies,
        )


RULE = Rule("TRN302", "model-replaced-after-optimizer", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
