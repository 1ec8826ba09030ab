"""Two optimizers hold the same parameters and step with the same gradients.

## What it does
Finds steps of two optimizers one after the other, with no backward and no clear between them, where both hold all parameters
of one model.

## Why it matters
Each gradient is applied twice, at two rates and with two memories that know nothing of each other. Nothing warns.

## Example
```python
head = nn.Linear(2, 2)
body_optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()])
head_optimizer = torch.optim.Adam(head.parameters())
for x, y in loader:
    body_optimizer.zero_grad()
    head_optimizer.zero_grad()
    criterion(head(model(x)), y).backward()
    body_optimizer.step()
    head_optimizer.step()
```

## Use instead
```python
head = nn.Linear(2, 2)
body_optimizer = torch.optim.Adam(model.parameters())
head_optimizer = torch.optim.Adam(head.parameters())
for x, y in loader:
    body_optimizer.zero_grad()
    head_optimizer.zero_grad()
    criterion(head(model(x)), y).backward()
    body_optimizer.step()
    head_optimizer.step()
```

## When it stays silent
Where each step has a backward of its own: two objectives in turn are meant (adversarial autoencoders do it). Where either
holds only some parameters, or what it holds is out of sight.

## Fix safety
Unsafe: training changes, which is the point. The step goes whose parameters the other one steps as well; where both hold the
same, each of them is offered, as which one is meant is not in the code.

## References
- [torch.optim: per-parameter options](https://docs.pytorch.org/docs/stable/optim.html#per-parameter-options)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Remove
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.stepped_twice:
        first, second = (
            f"`{optimizer.name}`" if optimizer.name else "another optimizer" for optimizer in (one.first, one.second)
        )
        what = f"the parameters of `{one.shared.name}`" if one.shared.name else "the same parameters"
        yield Observation(
            one.second_step,
            f"{second} applies gradients that {first} has just applied: both hold {what}",
            confidence(True),
            ((one.first_step, "they are applied here first"),),
            tuple(Remove(step) for step in one.needless),
        )


RULE = Rule("TRN319", "parameter-in-two-optimizers", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
