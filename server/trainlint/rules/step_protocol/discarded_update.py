"""A step returns new parameters or a new state, and nothing keeps them.

## What it does
Finds calls that leave their arguments as they are and return what is to replace them (updated parameters, a train state
with gradients applied), where the result is thrown away: the call stands alone, its variable is never read, or the caller
of the step drops what it returns; and updates that are assigned to the variable of the parameters or of the state.

## Why it matters
Nothing changes in place. Training goes on with the old parameters, the loss stays where it is, and nothing warns.

## Example
```python
import jax, optax
from flax.training.train_state import TrainState

@jax.jit
def train_step(state, batch):
    loss, grads = jax.value_and_grad(loss_fn)(state.params, batch)
    new_state = state.apply_gradients(grads=grads)
    return state, loss
```

## Use instead
```python
import jax, optax
from flax.training.train_state import TrainState

@jax.jit
def train_step(state, batch):
    loss, grads = jax.value_and_grad(loss_fn)(state.params, batch)
    state = state.apply_gradients(grads=grads)
    return state, loss
```

## When it stays silent
Where anything may read the result: it is returned to callers out of sight, stored in an object, captured by a function or
handed to any call; where its name begins with an underscore; for a single step of a script, and for calls outside of loops.

## Fix safety
Unsafe: training changes, which is the point. The result takes the place of what it was computed from.

## References
- [flax.training.train_state](https://flax.readthedocs.io/en/latest/api_reference/flax.training.html#train-state)
- [optax.apply_updates](https://optax.readthedocs.io/en/latest/api/apply_updates.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.fates import Loss
from ...analysis.flow.updates import Misassigned, Thrown
from ...finding import Severity
from ..remedy import Compose, Remedy, Rewrite
from ..rule import Fixability, Observation, Rule, called, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    told = set()
    for thrown in facts.updates.discarded:
        waste = thrown.waste
        if waste.site.node in told:
            continue
        told.add(waste.site.node)
        them, old = ("them", "ones stay") if thrown.several else ("it", "one stays")
        stays = f"`{thrown.meant_for}` stays as it is" if thrown.meant_for else f"the old {old}"
        message = f"`{thrown.function}` returns {thrown.what}, and nothing keeps {them}: {stays}"
        if waste.returned is not None:
            related = ((thrown.operation.site, "it is computed here"),)
            yield Observation(waste.site, message, confidence(True), related, _kept(thrown))
        else:
            yield Observation(thrown.operation.site, message, confidence(True), (), _kept(thrown))
    for wrong in facts.updates.misassigned():
        held = "the state" if wrong.swapped else "the parameters"
        yield Observation(
            wrong.step.site,
            f"`{called(wrong.step)}` returns the updates first, and here they take the place of {held} in `{wrong.name}`",
            confidence(True),
            (),
            _assigned(wrong),
        )


def _assigned(wrong: Misassigned) -> tuple[Remedy, ...]:
    """The updates get a variable of their own, and are applied."""
    if wrong.swapped:
        if wrong.other is None:
            return ()
        return (Compose(wrong.target, (f"{wrong.other}, {wrong.name}",), f"Assign to `{wrong.other}, {wrong.name}`"),)
    if wrong.apply is None or wrong.other is None or wrong.name == "updates":
        return ()
    applied = f"{wrong.name} = {wrong.apply}({wrong.name}, updates)"
    first = f"updates, {wrong.other} = {written(wrong.step)}"
    return (Rewrite(wrong.step.site, (first, applied), f"Insert `{applied}` after the update", wrong.statement),)


def _kept(thrown: Thrown) -> tuple[Remedy, ...]:
    """The result takes the place of what it was computed from."""
    waste, name = thrown.waste, thrown.meant_for
    if name is None:
        return ()
    title = f"Assign the result to `{name}`"
    if waste.how is Loss.STATEMENT and thrown.assigned is not None:
        return (Compose(waste.site.node, (f"{thrown.assigned} = ", waste.site.node), title),)
    if waste.target is not None and waste.name != name:
        return (Compose(waste.target, (name,), title),)
    return ()


RULE = Rule("TRN115", "discarded-update", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
