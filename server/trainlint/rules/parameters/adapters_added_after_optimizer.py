"""A model gets adapters or new embeddings after its optimizer was built.

## What it does
Finds calls that give a model new parameters, as adapters and enlarged embeddings are, when the optimizer over that model exists
already and no optimizer gets them.

## Why it matters
An optimizer holds the parameters that the model had when it was built. Adapters that come later are in no optimizer, and adding
them freezes everything else: the run goes on with a loss that does not move. Enlarged embeddings are a new matrix, and so is
the output layer; whatever of them does not keep its place in the optimizer stays at its first values.

## Example
```python
from peft import get_peft_model

tuner = torch.optim.AdamW(model.parameters(), lr=1e-4)
model = get_peft_model(model, config)
for x, y in loader:
    tuner.zero_grad()
    criterion(model(x), y).backward()
    tuner.step()
```

## Use instead
```python
from peft import get_peft_model

model = get_peft_model(model, config)
tuner = torch.optim.AdamW(model.parameters(), lr=1e-4)
for x, y in loader:
    tuner.zero_grad()
    criterion(model(x), y).backward()
    tuner.step()
```

## When it stays silent
Where an optimizer is built over the model again, or given more parameters; where the optimizer has stepped before, or never
steps; where code out of sight gets an optimizer afterwards.

## Fix safety
Unsafe: the new parameters train from then on.

## References
- [PEFT: quicktour](https://huggingface.co/docs/peft/quicktour)
- [torch.optim: constructing it](https://docs.pytorch.org/docs/stable/optim.html#constructing-it)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import BuildAfter, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for late in facts.late_parameters:
        optimizer, model = late.optimizer.name, late.model.name
        holder = f"`{optimizer}`" if optimizer else "the optimizer"
        remedies: tuple[Remedy, ...] = ()
        if optimizer and not late.scheduled:
            remedies = (BuildAfter(late.built, late.place, optimizer),)
        if late.frozen:
            said = (
                f"gets new parameters here that {holder}, built before, does not hold, and the others are frozen: nothing trains"
            )
        else:
            said = f"gets new embeddings here: an output layer that is not tied to them is new too, and {holder} does not hold it"
        yield Observation(
            late.place,
            f"`{model or 'this model'}` {said}",
            confidence(late.certain),
            ((late.built, f"{holder} holds what the model was made of here"),),
            remedies,
        )


RULE = Rule("TRN315", "adapters-added-after-optimizer", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
