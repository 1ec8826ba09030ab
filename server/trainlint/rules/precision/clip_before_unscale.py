"""Gradients are clipped while they are still multiplied by the loss scale.

## What it does
Finds calls that bound gradients of a scaled loss before `scaler.unscale_(optimizer)` or `scaler.step(optimizer)` has
divided them by the scale again.

## Why it matters
The scale starts at 65536. Gradients that large are cut to the bound, and the step then divides what is left by the scale:
the update is tens of thousands of times too small, and training stops without an error.

## Example
```python
scaler = torch.amp.GradScaler()
for x, y in loader:
    optimizer.zero_grad()
    scaler.scale(criterion(model(x), y)).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
```

## Use instead
```python
scaler = torch.amp.GradScaler()
for x, y in loader:
    optimizer.zero_grad()
    scaler.scale(criterion(model(x), y)).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
```

## When it stays silent
Where the gradients are unscaled on a path to the clip, by the scaler or by hand; where the scaler is built with
`enabled=False`; where the bound is infinite and only the norm is wanted; with accelerators, which unscale by
themselves; where the step has nothing to apply, which another rule says.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [Working with scaled gradients](https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-clipping)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ...program import effects as fx
from ..remedy import Insert
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.scaled_clips:
        insertion = Insert(fact.clip.site, f"{fact.step.scaler}.unscale_({fact.step.text})", "before clipping", before=True)
        unscaled = any(not set(fact.step.optimizers).isdisjoint(other.optimizers) for other in facts.effects(fx.Unscale))
        at_hand = fact.follows and fact.step.site.function is fact.clip.site.function and not unscaled
        yield Observation(
            fact.clip.site,
            f"`{called(fact.clip)}` bounds gradients that are still multiplied by the loss scale: "
            "what is left after unscaling is too small to train with",
            confidence(fact.certain),
            (
                (fact.backward.site, "the loss is scaled here"),
                (fact.step.site, "the gradients are unscaled only here"),
            ),
            (insertion,) if at_hand else (),
        )


RULE = Rule("TRN801", "clip-before-unscale", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
