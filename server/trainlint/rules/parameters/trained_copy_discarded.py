"""A copy of the model is trained, and the original is used.

## What it does
Finds `copy.deepcopy(model)` whose copy an optimizer trains and nothing looks at afterwards, while the original, which nothing
trains, goes on to compute.

## Why it matters
A deep copy has parameters of its own. The original is what it was before, however well the copy has learned. Nothing warns.

## Example
```python
import copy

student = copy.deepcopy(model)
optimizer = torch.optim.Adam(student.parameters())
for x, y in loader:
    optimizer.zero_grad()
    criterion(student(x), y).backward()
    optimizer.step()
scores = model(x)
```

## Use instead
```python
import copy

student = copy.deepcopy(model)
optimizer = torch.optim.Adam(student.parameters())
for x, y in loader:
    optimizer.zero_grad()
    criterion(student(x), y).backward()
    optimizer.step()
scores = student(x)
```

## When it stays silent
Where the function does anything with the copy but to train it (saves it, returns it, copies its weights back), where the original
is trained too, and where the original only computes inside the loop, as a teacher does.

## Fix safety
Unsafe: another model computes, which is the point. Behind the training the copy takes the place of the original in its own
function; there is none where the original is used in another one.

## References
- [copy.deepcopy](https://docs.python.org/3/library/copy.html#copy.deepcopy)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import UseCopy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.discarded_copies:
        yield Observation(
            one.place,
            f"`{one.used}` has not been trained: its copy `{one.copy.name}` has, and nothing looks at that any more",
            confidence(True),
            ((one.copied, "it is copied here"), (one.optimizer.node, "the copy is what this trains"))
            if one.optimizer.node is not None
            else ((one.copied, "it is copied here"),),
            (UseCopy(one.used, one.copy.name, one.trained, one.place),),
        )


RULE = Rule("TRN320", "trained-copy-discarded", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
