"""Parameters are taken from an iterator that has been gone through before.

## What it does
Finds `model.parameters()`, `filter(...)` and other iterators over parameters that are kept in a name and used twice.

## Why it matters
They hand out their members once. The second user gets nothing: clipping bounds nothing, a loop does not run, a second
optimizer raises an error that speaks of an empty list.

## Example
```python
parameters = filter(lambda p: p.requires_grad, model.parameters())
optimizer = torch.optim.AdamW(parameters)
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
```

## Use instead
```python
parameters = list(filter(lambda p: p.requires_grad, model.parameters()))
optimizer = torch.optim.AdamW(parameters)
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
```

## When it stays silent
Where each use calls `model.parameters()` anew, where a list is kept, where only one of two paths uses it first, and where it is
handed to code out of sight that may or may not go through it.

## Fix safety
Unsafe: what got nothing gets the parameters from then on.

## References
- [Python: iterators](https://docs.python.org/3/glossary.html#term-iterator)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.places import Place
from ...finding import Severity
from ..remedy import Compose
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.used_up:
        node = one.generator.node
        user = ast.unparse(getattr(one.place.node, "func", one.place.node))
        if one.before is not None:
            said = f"`{user}` finds nothing here: the iterator hands out its members once, and they are gone"
            related: tuple[Place, str] = (one.before, "they are taken here")
        else:
            said = f"`{user}` finds nothing from the second turn on: the iterator is made once and gone through in each turn"
            related = (node, "it is made here, outside of the loop")
        yield Observation(
            one.place,
            said,
            confidence(True),
            (related,),
            (Compose(node, ("list(", node, ")"), "Keep them in a list"),),
        )


RULE = Rule("TRN311", "exhausted-parameter-generator", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
