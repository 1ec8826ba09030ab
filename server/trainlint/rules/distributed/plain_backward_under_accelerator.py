"""The loss is differentiated past the accelerator that was put in charge of the model.

## What it does
Finds `loss.backward()` where an accelerator has prepared the optimizer that applies its gradients, or the model that
they are for.

## Why it matters
The accelerator's own backward divides the loss by the number of accumulated batches, scales it in half precision, and hands it to
the engine that is in use. `loss.backward()` does none of this: accumulated gradients are too large, and in half precision small
ones vanish while the step still divides by the scale.

## Example
```python
from accelerate import Accelerator

accelerator = Accelerator(gradient_accumulation_steps=4)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
for x, y in loader:
    with accelerator.accumulate(model):
        criterion(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
```

## Use instead
```python
from accelerate import Accelerator

accelerator = Accelerator(gradient_accumulation_steps=4)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
for x, y in loader:
    with accelerator.accumulate(model):
        accelerator.backward(criterion(model(x), y))
        optimizer.step()
        optimizer.zero_grad()
```

## When it stays silent
Where the same function differentiates through an accelerator as well, where there may be none, where the model is prepared on
some paths only, and where the loss is scaled by hand. Where the accelerator is built to neither accumulate nor scale, or built
out of sight, the finding is a warning.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [Accelerator.backward](https://huggingface.co/docs/accelerate/package_reference/accelerator#accelerate.Accelerator.backward)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Compose
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.plain_backwards:
        name, loss = fact.name, fact.receiver
        call = f"{name}.backward"
        fix = Compose(fact.backward.site.node, (f"{call}(", loss, ")"), f"Call `{call}`") if loss else None
        yield Observation(
            fact.backward.site,
            f"`{written(fact.backward)}` goes past `{name}`, which prepared what it trains: it is neither scaled nor divided as "
            f"`{call}` would",
            confidence(fact.certain),
            ((fact.prepared.site, f"`{name}` is put in charge here"),),
            (fix,) if fix is not None else (),
        )


RULE = Rule("TRN903", "plain-backward-under-accelerator", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
