"""An attribute of the optimizer is set, and the optimizer never looks at it.

## What it does
Finds assignments such as `optimizer.lr = 1e-4` on optimizers of a library.

## Why it matters
An optimizer keeps its options in its parameter groups. The assignment makes a new attribute: every step goes on with the rate,
momentum or decay that it was built with. Nothing warns.

## Example
```python
for x, y in loader:
    optimizer.lr = 1e-4
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.param_groups[0]["lr"] = 1e-4
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## When it stays silent
On classes of the program's own; where the file reads the attribute, which then has a meaning of its own; where the function
sets the parameter groups as well.

## Fix safety
Unsafe: the option changes from then on.

## References
- [torch.optim: per-parameter options](https://docs.pytorch.org/docs/stable/optim.html#per-parameter-options)
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
        if one.idle is not Idle.OPTION:
            continue
        remedies: tuple[Remedy, ...] = ()
        if one.groups == 1:
            pieces = (one.target.value, f'.param_groups[0]["{one.key}"]')
            remedies = (Compose(one.target, pieces, f'Set it in `{one.holder}.param_groups[0]["{one.key}"]`'),)
        yield Observation(
            one.place,
            f"`{one.holder}` never looks at `{one.attribute}`: its parameter groups keep their own, and every step uses that",
            confidence(one.certain),
            remedies=remedies,
        )


RULE = Rule("TRN110", "learning-rate-attribute-ignored", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
