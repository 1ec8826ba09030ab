"""A hyper-parameter of an optimizer is accepted and makes no sense.

## What it does
Finds a momentum of 1 or more, the two betas of Adam in the wrong order, a weight decay of 10 or more, and an epsilon of
1e-3 or more for Adam.

## Why it matters
The optimizer takes such values without a word. With a momentum of 1 no update is ever forgotten and the weights run away;
with swapped betas the gradient is averaged over a thousand steps and its scale over ten; a weight decay of 10 pulls
every weight to zero; a large epsilon turns Adam into slow gradient descent.

## Example
```python
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=9)
```

## Use instead
```python
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
```

## When it stays silent
Where the value is out of sight, or set by the parameter groups themselves, and for optimizers that are used with such
values: RMSprop with an epsilon of 0.01, Adam with betas of 0 and 0.9.

## Fix safety
Unsafe: training changes. Swapped betas are put in order; for the others a usual value is offered, the best is yours to
find.

## References
- [torch.optim](https://docs.pytorch.org/docs/stable/optim.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.constants import Hyperparameter
from ...finding import Severity
from ..remedy import Compose
from ..rule import Fixability, Observation, Rule, confidence

_ADAM = frozenset({"Adam", "AdamW", "NAdam", "RAdam", "Adamax"})
_LARGE_DECAY, _LARGE_EPSILON = 10, 1e-3
_USUAL = {"momentum": "0.9", "weight_decay": "1e-2", "eps": "1e-8"}


def check(facts: Facts) -> Iterable[Observation]:
    for given in facts.hyperparameters:
        consequence = _consequence(given)
        if consequence is None:
            continue
        usual = f"({given.value[1]!r}, {given.value[0]!r})" if isinstance(given.value, tuple) else _USUAL[given.name]
        node = given.written if given.source is None else None
        yield Observation(
            given.place,
            f"`{given.optimizer.name or 'this optimizer'}` is built with {given.name} of {given.value}: {consequence}",
            confidence(True),
            given.origins,
            (Compose(node, (usual,), f"Write {usual}"),) if node is not None else (),
        )


def _consequence(given: Hyperparameter) -> str | None:
    """What a value out of its range does; None where it is in it."""
    value = given.value
    if given.name == "betas" and given.kind in _ADAM and isinstance(value, tuple) and len(value) == 2:
        first, second = value
        wrong = isinstance(first, float) and isinstance(second, float) and first >= 0.99 and second <= 0.95
        return "the two are swapped, so the direction lags by a hundred steps and more" if wrong else None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    if given.name == "momentum" and value >= 1:
        return "no update is ever forgotten, and the weights run away"
    if given.name == "weight_decay" and value >= _LARGE_DECAY:
        return "every weight is pulled to zero faster than it can learn"
    if given.name == "eps" and given.kind in ("Adam", "AdamW") and value >= _LARGE_EPSILON:
        return "beside it most gradients vanish, and their updates with them"
    return None


RULE = Rule("TRN404", "hyperparameter-out-of-range", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
