"""Gradients of a scaled loss are applied by the optimizer itself.

## What it does
Finds `optimizer.step()` where the loss was multiplied by a gradient scaler and nothing has divided the gradients again,
and `optimizer.step()` behind `scaler.step(optimizer)`, which has stepped already.

## Why it matters
The first update is 65536 times too large and destroys the weights. The second kind applies the same gradients twice,
and also in those turns in which the scaler skipped its step because they were infinite.

## Example
```python
scaler = torch.amp.GradScaler()
for x, y in loader:
    optimizer.zero_grad()
    scaler.scale(criterion(model(x), y)).backward()
    optimizer.step()
```

## Use instead
```python
scaler = torch.amp.GradScaler()
for x, y in loader:
    optimizer.zero_grad()
    scaler.scale(criterion(model(x), y)).backward()
    scaler.step(optimizer)
    scaler.update()
```

## When it stays silent
Where the gradients may have been unscaled, by the scaler or by hand; where the scaler is built with `enabled=False`;
where another path, without scaling, leads to the same step.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.amp.GradScaler](https://docs.pytorch.org/docs/stable/amp.html#gradient-scaling)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.scaling import ScaledStep
from ...finding import Severity
from ..remedy import Remedy, Remove, Rewrite
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for scaling in facts.scalings:
        for fact in scaling.scaled_steps:
            scaled = (fact.backward.site, "the loss is scaled here")
            if fact.through is not None:
                yield Observation(
                    fact.step.site,
                    f"`{written(fact.step)}` applies gradients that `{written(fact.through)}` has applied already",
                    confidence(fact.certain),
                    ((fact.through.site, "this is the step"), scaled),
                    (Remove(fact.step.site),),
                )
            else:
                yield Observation(
                    fact.step.site,
                    f"`{written(fact.step)}` applies gradients that are multiplied by the loss scale: "
                    "the update is thousands of times too large",
                    confidence(fact.certain),
                    (scaled,),
                    _through_scaler(fact),
                )


def _through_scaler(fact: ScaledStep) -> tuple[Remedy, ...]:
    scaler = fact.backward.scaler
    if not scaler or not fact.step.text:
        return ()
    step = f"{scaler}.step({fact.step.text})"
    texts = (step,) if fact.updated else (step, f"{scaler}.update()")
    return (Rewrite(fact.step.site, texts, f"Write `{step}`"),)


RULE = Rule("TRN802", "scaled-loss-unscaled-step", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
