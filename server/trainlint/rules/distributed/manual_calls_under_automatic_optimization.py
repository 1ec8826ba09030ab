"""A class that a trainer optimizes calls backward and step itself as well.

## What it does
Finds `self.manual_backward(loss)`, and `loss.backward()` on a loss that is returned as well, in the `training_step` of a class
whose trainer clears, differentiates and steps by itself, because nothing tells it to leave that to the class.

## Why it matters
The trainer does the same again: `manual_backward` raises an error, and so does the second backward through the graph of the loss
that is returned.

## Example
```python
import lightning as L
from torch import nn
from torch.nn import functional as F


class Classifier(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 2)

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        loss = F.cross_entropy(self.net(batch.x), batch.y)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
```

## Use instead
```python
import lightning as L
from torch import nn
from torch.nn import functional as F


class Classifier(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.net = nn.Linear(4, 2)

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        loss = F.cross_entropy(self.net(batch.x), batch.y)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
```

## When it stays silent
Where a base of the class is out of sight, where any code of the file mentions the switch for this class or for an heir of it, and
where the class differentiates a loss that it does not return: that trains, with warnings.

## Fix safety
Unsafe: training changes. The switch goes behind the constructor of the base.

## References
- [Manual optimization](https://lightning.ai/docs/pytorch/stable/model/manual_optimization.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Insert
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.manual_calls:
        loop, (first, *others) = fact.training.loop, fact.calls
        switch = f"self.{loop.switch} = False"
        yield Observation(
            first.site,
            f"`{written(first)}` does by hand what {loop.caller} does as well: nothing sets `self.{loop.switch}` to False",
            confidence(fact.training.closed),
            tuple((other.site, "this too") for other in others),
            (Insert(fact.constructor, switch, "behind the constructor of the base"),) if fact.constructor is not None else (),
        )


RULE = Rule("TRN905", "manual-calls-under-automatic-optimization", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
