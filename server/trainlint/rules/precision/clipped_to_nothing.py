"""Gradients are clipped to nothing.

## What it does
Finds calls that bound the norm or the values of gradients by zero, or by a number so small that no update survives.

## Why it matters
The gradients become zero and the weights stay as they are. Some trainers take zero for "no clipping"; PyTorch does not.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.0)
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
    optimizer.step()
```

## When it stays silent
Where the bound is not a number in sight, and where no step applies these gradients.

## Fix safety
Unsafe: training changes, which is the point. The bound becomes 1, as it is in most programs that clip; only its author knows
which one suits.

## References
- [torch.nn.utils.clip_grad_norm_](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import SetArgument
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for scaling in facts.scalings:
        for fact in scaling.to_nothing:
            by_value = "value" in called(fact.clip)
            result = "zero" if fact.limit == 0 else "too small to change a weight"
            yield Observation(
                fact.clip.site,
                f"`{called(fact.clip)}` with a bound of {fact.limit:g} makes the gradients {result}: nothing is learned",
                confidence(True),
                ((fact.step.site, "they are applied here"),),
                (SetArgument(fact.clip.site.node, 1, "clip_value" if by_value else "max_norm", "1.0", "Bound them by 1"),),
            )


RULE = Rule("TRN807", "clipped-to-nothing", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
