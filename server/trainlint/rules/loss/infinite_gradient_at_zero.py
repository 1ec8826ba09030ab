"""A square root has no gradient at zero, and is given zeros.

## What it does
Finds square roots that gradients flow through, of something clamped at zero, or of the squared distances of the rows of a
tensor from one another, each row with itself among them.

## Why it matters
The slope of the root at zero is infinite. Times the zero slope of what stands before it that is NaN: one such element turns
all weights into NaN at the next step.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    points = model(x)
    squares = (points.unsqueeze(0) - points.unsqueeze(1)).pow(2).sum(-1)
    loss = squares.sqrt().mean()
    loss.backward()
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    points = model(x)
    squares = (points.unsqueeze(0) - points.unsqueeze(1)).pow(2).sum(-1)
    loss = (squares + 1e-8).sqrt().mean()
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where anything is added first or the clamp is above zero, for the root of an error, which is zero only when the model is
perfect, behind a ReLU, which lets no NaN through where it is zero, and where no gradient flows through the root.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.sqrt](https://docs.pytorch.org/docs/stable/generated/torch.sqrt.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.roots import roots_of_zero
from ...finding import Severity
from ..remedy import AddToOperand
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for root in roots_of_zero(facts.differentiated, facts.values):
        place = root.source.place
        yield Observation(
            root.operation.site,
            f"`{written(root.operation)}` has an infinite slope at zero, and what it is given is zero at times: "
            "one such element makes the gradients of all parameters NaN",
            confidence(True),
            ((place, "this may be zero"),) if place is not None else (),
            (AddToOperand(root.operation.site.node, "1e-8"),),
        )


RULE = Rule("TRN510", "infinite-gradient-at-zero", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
