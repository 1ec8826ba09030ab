"""`requires_grad` is set on a module, which freezes nothing.

## What it does
Finds assignments to `requires_grad` of modules.

## Why it matters
Only tensors have such a switch. On a module the assignment makes a new attribute that nothing looks at: every parameter
goes on training, or stays frozen, as it was. Nothing warns.

## Example
```python
model.requires_grad = False
```

## Use instead
```python
model.requires_grad_(False)
```

## When it stays silent
Where the class gives the attribute a meaning of its own; on tensors and parameters; on objects that are not known to be modules.

## Fix safety
Unsafe: the parameters are frozen, or train, from then on.

## References
- [torch.nn.Module.requires_grad_](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.requires_grad_)
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
        if one.idle is not Idle.FREEZE:
            continue
        effect = {False: "nothing is frozen", True: "nothing starts to train"}.get(one.value is True, "")
        remedies: tuple[Remedy, ...] = ()
        if one.alone:
            pieces = (one.target.value, ".requires_grad_(", one.assigned, ")")
            remedies = (Compose(one.place.statement, pieces, "Call `requires_grad_`"),)
        yield Observation(
            one.place,
            f"`{one.holder}` is a module, which has no `requires_grad`: its parameters keep theirs and {effect}",
            confidence(one.certain),
            remedies=remedies,
        )


RULE = Rule("TRN306", "module-requires-grad-attribute", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
