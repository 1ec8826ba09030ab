"""`requires_grad` is misspelled where it is set.

## What it does
Finds assignments to attributes of parameters, tensors and modules whose names are all but `requires_grad`: `require_grad`,
`requires_gradient`, `requires_grads`, and `requires_grad_`, which is a method.

## Why it matters
Python makes a new attribute and nothing looks at it. Parameters that should be frozen train, or those that should train
stay frozen. Nothing warns.

## Example
```python
for parameter in model.parameters():
    parameter.require_grad = False
```

## Use instead
```python
for parameter in model.parameters():
    parameter.requires_grad = False
```

## When it stays silent
Where some code of the file reads the attribute; on objects that are no parameters, tensors or modules.

## Fix safety
Unsafe: the parameters are frozen, or train, from then on.

## References
- [torch.Tensor.requires_grad](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.requires_grad.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.models.attributes import Idle
from ...finding import Severity
from ..remedy import Compose, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.attributes.idle:
        if one.idle is not Idle.SPELLING:
            continue
        meant = "requires_grad_" if one.on_module else "requires_grad"
        remedies: tuple[Remedy, ...] = (Compose(one.target, (one.target.value, ".requires_grad"), "Write `requires_grad`"),)
        if one.on_module:
            pieces = (one.target.value, ".requires_grad_(", one.assigned, ")")
            remedies = (Compose(one.place.statement, pieces, "Call `requires_grad_`"),) if one.alone else ()
        yield Observation(
            one.place,
            f"nothing looks at `{one.attribute}`: the switch is spelled {meant}, and `{one.holder}` keeps what it has",
            confidence(one.certain),
            remedies=remedies,
        )


RULE = Rule("TRN307", "misspelled-requires-grad", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
