"""The loss is cut off from the parameters on purpose, in the wrong place.

## What it does
Finds losses whose every path to the parameters they are differentiated by leads through a call that stops gradients.

## Why it matters
All gradients are zero. The optimizer runs, its state advances, and the parameters stay as they are (or only decay).

## Example
```python
import jax
import jax.numpy as jnp

def loss_fn(params, x, y):
    prediction = jax.lax.stop_gradient(x @ params["w"])
    return jnp.mean((prediction - y) ** 2)

grads = jax.grad(loss_fn)(params, x, y)
```

## Use instead
```python
import jax
import jax.numpy as jnp

def loss_fn(params, x, y):
    prediction = x @ params["w"]
    return jnp.mean((prediction - y) ** 2)

grads = jax.grad(loss_fn)(params, x, y)
```

## When it stays silent
Where any path is left open, as with targets, one of two branches, and straight-through estimators; where anything on the
way is out of sight.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [jax.lax.stop_gradient](https://docs.jax.dev/en/latest/_autosummary/jax.lax.stop_gradient.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.differentiations import STOPPING, Way
from ...finding import Severity
from ..remedy import Bypass
from ..rule import Fixability, Observation, Rule, called, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for found in facts.cut_losses:
        if found.cut is None or found.cut.name not in STOPPING:
            continue
        by = f"`{found.by}`" if found.by else "what it is differentiated by"
        yield Observation(
            found.cut.site,
            f"`{called(found.cut)}` lies on every path from the loss to {by}: all gradients are zero",
            confidence(True),
            ((found.taken.site, f"`{written(found.taken)}` is differentiated here"),),
            (Bypass(found.cut.site),) if called(found.cut).endswith(found.cut.name) else (),
        )

    for dead in facts.differentiations.dead():
        if dead.way is Way.STOPPED:
            stop = dead.cut.operation
            yield Observation(
                stop.site,
                f"`{called(stop)}` lies on every path from `{dead.taken.written[0]}` to `{dead.taken.written[1]}`: "
                "there are no gradients",
                confidence(not dead.assumed),
                ((dead.taken.operation.site, "the loss is differentiated here"),),
                (Bypass(stop.site),),
            )


RULE = Rule("TRN219", "stop-gradient-on-loss", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
