"""A new parameter is changed before it is assigned, and what is assigned is no parameter.

## What it does
Finds attributes of modules that are given the result of an operation on a new `nn.Parameter`, such as a product or `.to(device)`.

## Why it matters
The result is an ordinary tensor. The module registers nothing, `model.parameters()` does not hold it, and the
optimizer never changes it. Only `.to(device)` onto the same device hands the parameter back as it was.

## Example
```python
class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8)) * 0.01
```

## Use instead
```python
class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8) * 0.01)
```

## When it stays silent
Where the parameter is also assigned by itself, or handed to an optimizer by itself; in classes that are no modules.

## Fix safety
Unsafe: the parameter trains from then on, and the keys of the state dictionary change.

## References
- [torch.nn.parameter.Parameter](https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.models.registration import LostParameter
from ...finding import Severity
from ..remedy import ApplyInside
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.registration.unregistered:
        if isinstance(one, LostParameter):
            when = " once it has moved to another device" if one.only_moves else ""
            yield Observation(
                one.value,
                f"`self.{one.attribute}` is what an operation makes of the parameter, and no parameter{when}: "
                "the module does not register it and it never trains",
                confidence(not one.only_moves),
                remedies=(ApplyInside(one.value, one.created),),
            )


RULE = Rule("TRN313", "parameter-lost-to-operation", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
