"""A term of the loss depends on the model through an operation that has no gradient.

## What it does
Finds losses that are a sum, one term of which is computed from the model's output by `argmax`, a comparison or a cast to
whole numbers, and by nothing else.

## Why it matters
The term changes the number that is logged and nothing more: no gradient flows through it, so nothing is trained by it.
Alone it would raise an error; added to another term it is silent.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    logits = model(x)
    loss = criterion(logits, y) + 0.1 * (logits.argmax(1) != y).float().mean()
    loss.backward()
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    logits = model(x)
    loss = criterion(logits, y) + 0.1 * (1 - logits.softmax(1).gather(1, y[:, None])).mean()
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where the number is only logged, where it weighs or masks something that has a gradient, where the program detaches it itself,
and where a part of the term is out of sight.

## Fix safety
No fix is offered: which differentiable measure comes closest is not known.

## References
- [Autograd mechanics: gradients for non-differentiable functions](https://docs.pytorch.org/docs/stable/notes/autograd.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for term in facts.idle_terms:
        yield Observation(
            term.cut.operation.site,
            f"this term of `{term.backward.text}` trains nothing: no gradient flows through `{written(term.cut.operation)}`",
            confidence(not term.assumed),
            ((term.backward.site.node, "the loss is differentiated here"),),
        )


RULE = Rule("TRN209", "non-differentiable-loss-term", Severity.WARNING, Fixability.NEVER, "0.1.0", check)
