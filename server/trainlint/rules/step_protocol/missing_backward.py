"""A step has nothing to apply because no backward comes before it.

## What it does
Finds steps that meet cleared gradients on every path and that no backward in the program serves, and gradients that are taken
as values by parameters that the loss does not depend on, so that all of them are None.

## Why it matters
The loop runs, the loss is printed, and no weight changes: without a backward there are no gradients, and the
optimizer skips parameters that have none.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where the model or the loss is handed to code out of sight that may differentiate it, where gradients are written by
hand, where a closure given to the step does the backward, and where what was cleared is not known to be what is
stepped.

## Fix safety
Unsafe: training changes. Offered where the loss of the same function is known by name.

## References
- [A gentle introduction to torch.autograd](https://docs.pytorch.org/tutorials/beginner/blitz/autograd_tutorial.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.alternatives import Arm
from ...analysis.paths.empty import Emptiness, EmptyStep
from ...finding import Severity
from ..remedy import BackwardBefore, Compose, Remedy
from ..rule import Fixability, Observation, Rule, called, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    dead = {loss.backward for loss in (*facts.dead_losses, *facts.dead_returns)}
    misled = {found.step for found in facts.cut_off}
    for protocol in facts.protocols:
        for empty in protocol.empty:
            if (
                empty.why is not Emptiness.NO_BACKWARD
                or empty.step.by is not None
                or empty.backward in dead
                or empty.step in misled
                or facts.holdings.explains(empty.target.optimizers)
            ):
                continue
            if empty.step.closure is not None and empty.backward is None:
                continue
            if empty.where is not None:
                yield _in_arm(facts, empty, empty.where)
                continue
            certain = confidence(empty.target.certain)
            mended = _remedies(facts, empty)
            if empty.backward is not None:
                message = f"`{written(empty.step)}` has nothing to apply: no backward reaches the parameters it holds"
                related = ((empty.backward.site.node, "this backward reaches other parameters"),)
                yield Observation(empty.step.site, message, certain, related, mended)
                continue
            message = f"`{written(empty.step)}` has nothing to apply: no backward computes gradients before this step"
            yield Observation(empty.step.site, message, certain, remedies=mended)
    for foreign in facts.differentiations.foreign():
        taken, (loss, by) = foreign.taken, foreign.taken.written
        place, meant = taken.nodes[1], foreign.meant
        remedies: tuple[Remedy, ...] = ()
        if place is not None and meant is not None:
            remedies = (Compose(place, (meant,), f"Take the gradients by `{meant}`"),)
        yield Observation(
            taken.operation.site,
            f"`{taken.called}` has no gradient to give: `{loss}` does not depend on `{by}`",
            confidence(True),
            remedies=remedies,
        )

    for wrong in facts.differentiable.no_gradients():
        yield Observation(
            wrong.step.site,
            f"`{called(wrong.step)}` is given the loss in place of its gradients: "
            f"`{written(wrong.taken)}` returns the loss first",
            confidence(True),
            ((wrong.taken.site, "the loss and its gradients"),),
            (Compose(wrong.swapped[0], (wrong.swapped[1],), f"Assign to `{wrong.swapped[1]}`"),) if wrong.swapped else (),
        )
    yield from _by_another_argument(facts)


def _by_another_argument(facts: Facts) -> Iterable[Observation]:
    """Steps that are given gradients, but not those by the parameters that they move."""
    for wrong_argument in facts.differentiable.wrong_arguments():
        taken_by, number, place = wrong_argument.taken, wrong_argument.number, wrong_argument.chosen
        yield Observation(
            wrong_argument.step.site,
            f"`{called(wrong_argument.step)}` moves `{wrong_argument.meant}` by the gradients of `{written(taken_by)}`, "
            f"which are by `{wrong_argument.by}`",
            confidence(True),
            ((taken_by.site, "the gradients are taken here"),),
            (Compose(place, (str(number),), f"Differentiate by `{wrong_argument.meant}`"),) if place is not None else (),
        )


def _remedies(facts: Facts, empty: EmptyStep) -> tuple[Remedy, ...]:
    step, target = empty.step, empty.target
    if step.given:
        return ()
    apart = empty.backward is not None
    return tuple(
        BackwardBefore(
            way.site, way.spelled("step"), step.scaler, facts.differentiator(target, way.site), apart=apart, arm=empty.where
        )
        for way in facts.wrappers.ways(step)
    )


def _in_arm(facts: Facts, empty: EmptyStep, arm: Arm) -> Observation:
    message = f"`{written(empty.step)}` has nothing to apply {arm.described}: no backward computes gradients there"
    other = arm.counterparts[0].site.node
    related = ((other, "the other branch computes them here"),)
    return Observation(empty.step.site, message, confidence(False), related, _remedies(facts, empty))


RULE = Rule("TRN105", "missing-backward", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
