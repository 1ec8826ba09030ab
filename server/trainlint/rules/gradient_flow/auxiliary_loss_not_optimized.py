"""A term of a loss is added up and logged, and no backward differentiates it.

## What it does
Finds sums of losses that are only logged, while a backward differentiates one of their terms alone; and sums that have one
loss two times while another one, computed beside it, is in no loss that is differentiated.

## Why it matters
The log shows the term, so it looks as if it were trained. It has no part in any gradient.

## Example
```python
for x, y in loader:
    output = model(x)
    task = criterion(output, y)
    size = output.abs().mean()
    loss = task + 0.1 * size
    writer.add_scalar("loss", loss.item())
    optimizer.zero_grad()
    task.backward()
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    output = model(x)
    task = criterion(output, y)
    size = output.abs().mean()
    loss = task + 0.1 * size
    writer.add_scalar("loss", loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where anything but a log or a number is made of the sum or of the term, where every term is differentiated by some backward,
for terms without a graph, and for terms that reach no model which the other one trains.

## Fix safety
Unsafe: training changes, which is the point. Where the sum is known before the backward, that differentiates the sum;
where it is made later, the term gets a backward of its own behind its computation, if no graph is shared.

## References
- [Tensor.backward](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.idle_sums import IdleSum
from ...finding import Severity
from ..remedy import Compose, Insert, Remedy
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for found in facts.idle_sums:
        left_out, trained = ast.unparse(found.left_out), ast.unparse(found.trained)
        if found.twice:
            said = f"`{found.name}` adds `{trained}` twice, and `{left_out}` is in no loss that is differentiated"
        else:
            said = f"`{found.name}` is only looked at: `{left_out}` is in no loss that is differentiated, `{trained}` is alone"
        yield Observation(
            found.total.site,
            said,
            confidence(found.certain),
            ((found.backward.site.node, "this is what is differentiated"),),
            _remedies(found, left_out),
        )


def _remedies(found: IdleSum, left_out: str) -> tuple[Remedy, ...]:
    """Differentiate the sum, where it is there in time, else the term by itself."""
    if found.differentiated is not None:
        return (Compose(found.differentiated, (found.name,), f"Differentiate `{found.name}`"),)
    backward, loss = written(found.backward), found.backward.text
    if found.apart is None or backward.count(loss) != 1:
        return ()
    alone = backward.replace(f"({loss})" if backward.startswith(f"({loss})") else loss, left_out)
    return (Insert(found.apart, alone, f"behind `{left_out}`"),)


RULE = Rule("TRN210", "auxiliary-loss-not-optimized", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
