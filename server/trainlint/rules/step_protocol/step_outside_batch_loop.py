"""A step stands outside the loop that computes and clears the gradients: only the last batch counts.

## What it does
Finds steps behind a loop in which each turn clears the gradients of the turn before and no step applies them.

## Why it matters
All batches but the last of each pass are computed and thrown away. The usual cause is a line that is indented one
level too little.

## Example
```python
for epoch in range(10):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
    optimizer.step()
```

## Use instead
```python
for epoch in range(10):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
```

## When it stays silent
Where the gradients of several turns add up before the step, as in full-batch descent that clears outside the inner
loop, and where code in the loop reads the gradients.

## Fix safety
Unsafe: training changes. The step moves behind the backward, into the loop.

## References
- [Optimization step](https://docs.pytorch.org/docs/stable/optim.html#taking-an-optimization-step)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import MoveAfter
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for protocol in facts.protocols:
        for late in protocol.late:
            backward = late.backward.site
            yield Observation(
                late.step.site,
                f"`{written(late.step)}` applies the gradients of the last turn only: "
                "the loop before it clears those of every other turn",
                confidence(late.target.certain),
                (
                    (late.loop.node, "this loop computes gradients and never steps"),
                    (late.clear.site.node, "each turn throws the gradients of the turn before away here"),
                ),
                (MoveAfter(facts.wrappers.called(late.step, backward.function).site, backward, within=True),),
            )


RULE = Rule("TRN107", "step-outside-batch-loop", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
