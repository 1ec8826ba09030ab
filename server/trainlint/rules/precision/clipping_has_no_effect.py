"""Gradients are clipped where no step applies them any more, or before they are computed.

## What it does
Finds calls that bound gradients which the step has applied already, or which are empty because the backward comes later.

## Why it matters
Clipping is there because some batch will give gradients that throw the weights far away. Out of its place it prevents
nothing, and no error says so.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
```

## When it stays silent
Where the bound is infinite, or out of sight, and the norm that the call returns is put to use; where the gradients are
never cleared; where another path leads to the clip; where the step has nothing to apply, which another rule says.

## Fix safety
Unsafe: training changes, which is the point. There is none where the norm is put to use.

## References
- [torch.nn.utils.clip_grad_norm_](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import MoveAfter
from ..rule import Fixability, Observation, Rule, called, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.pointless_clips:
        if fact.applied is not None:
            why = f"`{written(fact.applied)}` has applied these gradients"
            related = (fact.applied.site, "they are applied here, unbounded")
        else:
            why = "the backward comes after it"
            related = (fact.backward.site, "the gradients are computed here, too late")
        yield Observation(
            fact.clip.site,
            f"`{called(fact.clip)}` has no effect: {why}",
            confidence(fact.target.certain),
            (related,),
            () if fact.clip.used else (MoveAfter(fact.clip.site, fact.ready.site),),
        )


RULE = Rule("TRN804", "clipping-has-no-effect", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
