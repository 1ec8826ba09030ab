"""A trainer asks for the loss of a batch and gets nothing.

## What it does
Finds methods such as `training_step` and `compute_loss` that compute something with the model and return nothing on any path, or
a dictionary that holds no loss.

## Why it matters
A trainer differentiates what the method returns. Where that is None it skips the batch or fails: metrics are logged, epochs go
by, and no weight changes.

## Example
```python
import lightning as L
from torch.nn import functional as F


class Classifier(L.LightningModule):
    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
```

## Use instead
```python
import lightning as L
from torch.nn import functional as F


class Classifier(L.LightningModule):
    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss
```

## When it stays silent
Where any path returns something (None skips a batch on purpose), where the class optimizes by hand or may, where a base of it is
out of sight, and where no model has a part in the method.

## Fix safety
Unsafe: training changes, which is the point. Offered where a variable of the method is named as a loss.

## References
- [LightningModule.training_step](https://lightning.ai/docs/pytorch/stable/common/lightning_module.html#training-step)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...analysis.facts import Facts
from ...analysis.paths.trainers import NoLoss
from ...finding import Severity
from ...source.parse import Site
from ..remedy import Insert, Remedy, Rewrite
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.missing_losses:
        loop, method = fact.training.loop, fact.method
        last = method.body[-1]
        if fact.lacks and fact.returned is not None:
            message = (
                f"the dictionary that `{method.name}` returns has no `{loop.loss}`: {loop.caller} has nothing to differentiate"
            )
            yield Observation(Site(fact.returned, fact.returned, method), message, confidence(True))
            continue
        yield Observation(
            Site(last, last, method),
            f"`{method.name}` ends without returning a loss: {loop.caller} has nothing to differentiate, and no weight changes",
            confidence(True),
            remedies=tuple(_return(fact)),
        )


def _return(fact: NoLoss) -> Iterator[Remedy]:
    last, text = fact.method.body[-1], f"return {fact.loss}"
    if fact.loss is None:
        return
    site = Site(last, last, fact.method)
    if fact.returned is last:
        yield Rewrite(site, (text,), f"Return `{fact.loss}`")
    elif fact.returned is None:
        yield Insert(site, text, "at the end")


RULE = Rule("TRN906", "training-step-returns-no-loss", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
