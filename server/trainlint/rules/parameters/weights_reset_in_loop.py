"""Every batch begins with the first weights again.

## What it does
Finds loops over batches that in each turn build the model, draw its first weights again, or load the state it had before the
loop, and then train it for one step.

## Why it matters
What a step has changed is thrown away by the next turn. However long it runs, the model is never more than one step away from
where it began. Nothing warns.

## Example
```python
import copy

initial = copy.deepcopy(model.state_dict())
for x, y in loader:
    model.load_state_dict(initial)
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## Use instead
```python
import copy

initial = copy.deepcopy(model.state_dict())
model.load_state_dict(initial)
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## When it stays silent
Where the state is that of the model itself and no copy, which follows the weights and resets nothing; where the turn
uses what it has trained, as adaptation to one sample does; in loops over tasks, folds, seeds or epochs; where an inner loop
makes the steps.

## Fix safety
Unsafe: training changes.

## References
- [torch.nn.Module.load_state_dict](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.restarts import Restart
from ...finding import Severity
from ..remedy import Remedy, Remove
from ..rule import Fixability, Observation, Rule, confidence

_WHAT = {
    Restart.MODEL: "is built anew",
    Restart.STATE: "gets the weights back that it had before the loop",
    Restart.DRAWN: "gets new first weights",
}


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.restarted:
        if one.restart is Restart.OPTIMIZER:
            continue
        remedies: tuple[Remedy, ...] = (Remove(one.place),) if one.restart is not Restart.MODEL else ()
        yield Observation(
            one.place,
            f"`{one.name}` {_WHAT[one.restart]} for every batch: what the step of the turn before has changed is lost",
            confidence(True),
            ((one.loop, "this happens in each turn of this loop"),),
            remedies,
        )


RULE = Rule("TRN318", "weights-reset-in-loop", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
