"""A training method is named and not called.

## What it does
Finds statements such as `optimizer.step` or `model.train` without parentheses.

## Why it matters
The statement evaluates a method and drops it. Nothing happens and nothing warns: gradients are not cleared, weights
are not updated, the mode is not switched.

## Example
```python
for x, y in loader:
    optimizer.zero_grad
    criterion(model(x), y).backward()
    optimizer.step
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## When it stays silent
Where the method is put to use: assigned, passed on, or called.

## Fix safety
Safe: the statement has no other meaning.

## References
- [Expression statements](https://docs.python.org/3/reference/simple_stmts.html#expression-statements)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import CallIt
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for uncalled in facts.uncalled:
        written = ast.unparse(uncalled.site.node)
        known = uncalled.thing is None or uncalled.thing.role is not None
        yield Observation(
            uncalled.site,
            f"`{written}` is named and not called: this statement does nothing",
            confidence(known),
            remedies=(CallIt(uncalled.site),),
        )


RULE = Rule("TRN108", "uncalled-training-method", Severity.ERROR, Fixability.ALWAYS, "0.1.0", check)
