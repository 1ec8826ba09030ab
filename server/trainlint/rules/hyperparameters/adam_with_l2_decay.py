"""An adaptive optimizer adds its weight decay to the gradient, and divides it away with it.

## What it does
Finds optimizers such as Adam that are built with a weight decay and have a sister, such as AdamW, that keeps it apart from the
gradient.

## Why it matters
The decay is added to the gradient before that is divided by its own size. Weights with large gradients then hardly decay, those
with small ones decay at full speed, and the number that works for AdamW or SGD means something else here.

## Example
```python
adam = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-2)
```

## Use instead
```python
adam = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
```

## When it stays silent
This rule is off until it is selected: the penalty may be wanted as it is. It says nothing where the decay is 0, out of sight,
or set by the parameter groups, and where the optimizer is told to keep the two apart.

## Fix safety
Unsafe: training changes, and the best value of the decay with it.

## References
- [Decoupled Weight Decay Regularization](https://arxiv.org/abs/1711.05101)
- [torch.optim.AdamW](https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Compose, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for mixed in facts.mixed_decays:
        given = mixed.given
        remedies: tuple[Remedy, ...] = ()
        if mixed.called is not None and mixed.package is not None:
            pieces = (mixed.package, f".{mixed.instead}")
            remedies = (Compose(mixed.called, pieces, f"Decay the weights themselves: `{mixed.instead}`"),)
        yield Observation(
            given.place,
            f"`{given.optimizer.name or given.kind}` adds the weight decay of {given.value} to the gradient and divides it by "
            "the size of that: weights with large gradients hardly decay",
            confidence(True),
            given.origins,
            remedies,
        )


RULE = Rule("TRN405", "adam-with-l2-decay", Severity.OFF, Fixability.SOMETIMES, "0.1.0", check)
