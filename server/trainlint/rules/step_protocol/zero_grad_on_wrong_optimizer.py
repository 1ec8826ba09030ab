"""The gradients of the wrong optimizer are cleared.

## What it does
Finds loops with two optimizers in which one is cleared twice and the other never: a clear stands in front of the backward of
one, and names the other.

## Why it matters
The optimizer that is never cleared applies the sum of all gradients since training began, while the other is none the better for
being cleared again. Nothing fails: one of the two networks learns badly or diverges.

## Example
```python
actor, critic = nn.Linear(4, 2), nn.Linear(4, 2)
opt_actor = torch.optim.Adam(actor.parameters(), lr=1e-3)
opt_critic = torch.optim.Adam(critic.parameters(), lr=1e-3)
for x, y in loader:
    opt_critic.zero_grad()
    criterion(critic(x), y).backward()
    opt_critic.step()
    opt_critic.zero_grad()
    criterion(actor(x), y).backward()
    opt_actor.step()
```

## Use instead
```python
actor, critic = nn.Linear(4, 2), nn.Linear(4, 2)
opt_actor = torch.optim.Adam(actor.parameters(), lr=1e-3)
opt_critic = torch.optim.Adam(critic.parameters(), lr=1e-3)
for x, y in loader:
    opt_critic.zero_grad()
    criterion(critic(x), y).backward()
    opt_critic.step()
    opt_actor.zero_grad()
    criterion(actor(x), y).backward()
    opt_actor.step()
```

## When it stays silent
Where both are cleared anywhere on the way round the loop, by an optimizer, a model or by hand; where the clear also serves a
step of its own optimizer. Where no clear is misplaced and one is missing, missing-zero-grad says so.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [Zeroing out gradients](https://docs.pytorch.org/tutorials/recipes/recipes/zeroing_out_gradients.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Rewrite
from ..rule import Fixability, Observation, Rule, called, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.misplaced_clears.values():
        stale, cleared = fact.stale, called(fact.clear).rpartition(".")[0]
        name = stale.step.text
        here = fact.clear.site.function is stale.step.site.function and fact.receiver is not None
        yield Observation(
            fact.clear.site,
            f"`{written(fact.clear)}` clears `{cleared}` a second time, and nothing clears `{name}`: "
            f"`{written(stale.step)}` applies gradients that were already applied",
            confidence(stale.target.certain and fact.other.certain),
            (
                (fact.again.site, f"`{cleared}` is cleared here as well"),
                (stale.step.site, "old and new gradients are applied here"),
            ),
            (Rewrite(fact.clear.site, (name,), f"Clear `{name}` instead", fact.receiver),) if here and name else (),
        )


RULE = Rule("TRN102", "zero-grad-on-wrong-optimizer", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
