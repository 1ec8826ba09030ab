"""Gradients are applied again because nothing clears them between iterations.

## What it does
Finds optimizer steps in a loop that apply gradients an earlier step has already applied: no turn of the loop
clears them between the step and the next backward.

## Why it matters
`backward()` adds to the gradients that are there. Without a clear, each step applies the sum of all gradients so
far: the update grows, points in the direction of old batches, and training diverges or crawls without an error.

## Example
```python
for x, y in loader:
    loss = criterion(model(x), y)
    loss.backward()
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
Where any clear of these parameters lies on the loop, guarded or not: `zero_grad()` of the optimizer or of the
model, `p.grad = None`, a helper that does it. Where the optimizer is handed to code out of sight inside the loop.
Where the loop runs once, or goes over different models.

## Fix safety
Unsafe: training changes, which is the point. The clear goes before the backward, or after the step where the step
stands under a guard of its own, so that accumulation keeps its meaning.

## References
- [torch.optim.Optimizer.zero_grad](https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.alternatives import Arm
from ...analysis.paths.protocol import StaleStep
from ...finding import Severity
from ..remedy import ClearBetween, Remedy
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    told = {broken.step for broken in facts.broken_closures}
    for protocol in facts.protocols:
        for stale in protocol.stale:
            if stale.step in told or stale in facts.misplaced_clears:
                continue
            if stale.where is not None:
                yield _in_arm(facts, stale, stale.where)
                continue
            yield Observation(
                stale.step.site,
                f"`{written(stale.step)}` applies gradients that were already applied: "
                f"nothing clears them between {_turns(stale.loop.calls)}",
                confidence(stale.target.certain),
                (
                    *(((stale.loop.node, "this loop never clears them"),) if not stale.loop.calls else ()),
                    (stale.backward.site.node, "new gradients are added to the old ones here"),
                ),
                _remedies(facts, stale),
            )


def _in_arm(facts: Facts, stale: StaleStep, arm: Arm) -> Observation:
    message = (
        f"`{written(stale.step)}` applies gradients that were already applied {arm.described}: "
        f"nothing clears them there between {_turns(stale.loop.calls)}"
    )
    other = arm.counterparts[0].site.node
    related = ((other, "the other branch clears them here"),)
    return Observation(stale.step.site, message, confidence(False), related, _remedies(facts, stale))


def _remedies(facts: Facts, stale: StaleStep) -> tuple[Remedy, ...]:
    """In front of the backward, and behind the step."""
    backward = stale.backward.site
    step = facts.wrappers.called(stale.step, backward.function)
    holder = step.spelled("zero_grad")
    return tuple(ClearBetween(holder, step.site, backward, behind, stale.where) for behind in (False, True))


def _turns(method: str) -> str:
    return f"calls of `{method}`" if method else "iterations of this loop"


RULE = Rule("TRN101", "missing-zero-grad", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
