"""The loss that a trainer is given has no graph.

## What it does
Finds methods such as `training_step` and `compute_loss` that return a loss whose graph was cut on the way: by `.detach()`,
`.item()` and the like, or by autograd being off where it was computed.

## Why it matters
The trainer differentiates what the method returns. Without a graph there is nothing to differentiate: it raises an error, or
trains nothing.

## Example
```python
import lightning as L
from torch.nn import functional as F


class Classifier(L.LightningModule):
    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        return loss.detach()
```

## Use instead
```python
import lightning as L
from torch.nn import functional as F


class Classifier(L.LightningModule):
    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        return loss
```

## When it stays silent
Where the class optimizes by hand: what it returns is for the logs then. Where any part of the loss keeps a graph or was computed
out of sight.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [LightningModule.training_step](https://lightning.ai/docs/pytorch/stable/common/lightning_module.html#training-step)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.objectives import Fault
from ...finding import Severity
from ..remedy import Remedy, TurnOn, left_out
from ..rule import Fixability, Observation, Rule, confidence

_WHY = {
    Fault.DETACHED: "cuts it off from the model",
    Fault.NO_GRAD: "turns autograd off where it is computed",
    Fault.MODE: "turns autograd off before it is computed",
    Fault.LEAF: "makes a new tensor of its number",
    Fault.SEED: "is all in it that requires a gradient",
}


def check(facts: Facts) -> Iterable[Observation]:
    for dead in facts.dead_returns:
        backward = dead.backward
        method = getattr(backward.site.function, "name", "this method")
        remedies: tuple[Remedy, ...] = (TurnOn(dead.place),) if dead.fault is Fault.NO_GRAD else ()
        yield Observation(
            backward.site,
            f"the loss that `{method}` returns has no graph: `{ast.unparse(dead.place)}` {_WHY[dead.fault]}, and {backward.by} "
            "cannot differentiate it",
            confidence(not dead.assumed),
            ((dead.place, "here"),) if dead.place is not backward.site.node else (),
            remedies or left_out(dead.cut),
        )


RULE = Rule("TRN908", "trainer-loss-detached", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
