"""Parameters are frozen and set to train again before anything was computed with them.

## What it does
Finds modules that the program freezes, and then, with nothing in between that it would matter to, lets
train again with all others.

## Why it matters
The second undoes the first: the part that was to stay as it is trains with the rest. Nothing warns.

## Example
```python
body, head = nn.Linear(4, 8), nn.Linear(8, 2)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = body, head

net = Net()
net.body.requires_grad_(False)
for parameter in net.parameters():
    parameter.requires_grad = True
```

## Use instead
```python
body, head = nn.Linear(4, 8), nn.Linear(8, 2)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = body, head

net = Net()
for parameter in net.parameters():
    parameter.requires_grad = True
net.body.requires_grad_(False)
```

## When it stays silent
Where anything is computed, trained, built or handed on in between, as with layers that are let train step by step; where
only some parameters are let train; where the two are not always done together; where it is frozen again later.

## Fix safety
Unsafe: what trains changes, which is the point. A part is frozen behind what lets the whole train. There is none where both are
about the same module: which of the two is meant is not in the code then.

## References
- [torch.nn.Module.requires_grad_](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.requires_grad_)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import LetFollow
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.undone_freezes:
        name = f"`{one.module.name}`" if one.module.name else "what was frozen"
        yield Observation(
            one.thawed,
            f"this lets {name} train again, which was frozen just before: nothing was computed with it in between",
            confidence(True),
            ((one.frozen, "it is frozen here"),),
            (LetFollow(one.frozen, one.thawed),) if one.of_a_part else (),
        )


RULE = Rule("TRN308", "freezing-undone", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
