"""The state of the optimizer is made anew for every step.

## What it does
Finds loops in which each turn first builds the state that its step works on: the state of a transformation, a train state,
an optimizer that holds its state.

## Why it matters
Momentum and running averages are thrown away after every step, bias correction is stuck at its first step, schedules and
accumulation never advance. Adam becomes a step by the sign of the gradient.

## Example
```python
import optax

optimizer = optax.adam(1e-3)
for batch in loader:
    opt_state = optimizer.init(params)
    grads = grad_fn(params, batch)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    params = optax.apply_updates(params, updates)
```

## Use instead
```python
import optax

optimizer = optax.adam(1e-3)
opt_state = optimizer.init(params)
for batch in loader:
    grads = grad_fn(params, batch)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    params = optax.apply_updates(params, updates)
```

## When it stays silent
Where the parameters start anew as well, as for each task or fold; where the state is built on some turns only; for
transformations that keep nothing, such as plain gradient descent; where a loop of its own takes the steps.

## Fix safety
Unsafe: training changes, which is the point. The state is built before the loop, for the first parameters.

## References
- [optax: getting started](https://optax.readthedocs.io/en/latest/getting_started.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import MoveOut
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for reset in facts.resets:
        name = f"`{reset.state}`" if reset.state else "the state of the optimizer"
        remedies = (MoveOut(reset.made, reset.loop, first=True),) if reset.loop is not None else ()
        yield Observation(
            reset.made,
            f"{name} is built anew for every step: what `{called(reset.step)}` keeps between steps is lost each time",
            confidence(True),
            ((reset.step.site, "the step that works on it"),),
            remedies,
        )


RULE = Rule("TRN909", "optimizer-state-reset-every-step", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
