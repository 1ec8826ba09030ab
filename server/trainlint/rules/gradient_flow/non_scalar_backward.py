"""A loss that was told not to reduce is differentiated as it is.

## What it does
Finds backwards on the result of a loss with `reduction="none"` that no mean or sum makes one number of.

## Why it matters
A backward starts from one number: with more it raises an error ("grad can be implicitly created only for scalar outputs").

## Example
```python
criterion = nn.CrossEntropyLoss(reduction="none")
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## Use instead
```python
criterion = nn.CrossEntropyLoss(reduction="none")
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y).mean()
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where the backward is given a gradient to start from, where any operation in between may reduce, and where the reduction is
out of sight.

## Fix safety
Unsafe: the mean is what losses compute by default, and a sum or weights may have been meant.

## References
- [torch.Tensor.backward](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Compose
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for unreduced in facts.unreduced_losses:
        backward, loss = unreduced.backward, unreduced.loss
        built = loss.callee.node if loss.callee is not None and loss.callee.node is not None else loss.site.node
        written, text = unreduced.written, f"{unreduced.text}.mean()"
        yield Observation(
            backward.site,
            f"the backward on `{backward.text}` raises an error: it is one number for each sample or element, and a backward "
            "starts from a single one",
            confidence(False),
            ((built, "this loss is not reduced"),),
            (Compose(written, (text,), f"Differentiate `{text}`"),) if written is not None else (),
        )

    for found in facts.differentiable.no_scalars():
        name = called(found.taken)
        yield Observation(
            found.taken.site,
            f"`{name}` raises an error: a tuple is returned, and only a single number can be differentiated",
            confidence(True),
        )


RULE = Rule("TRN216", "non-scalar-backward", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
