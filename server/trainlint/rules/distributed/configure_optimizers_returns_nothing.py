"""A trainer asks for the optimizers and gets none of those that were built.

## What it does
Finds methods such as `configure_optimizers` that build an optimizer and return nothing.

## Why it matters
The trainer goes through all batches without an optimizer. It computes every loss, and no weight changes.

## Example
```python
import lightning as L
import torch


class Classifier(L.LightningModule):
    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)
```

## Use instead
```python
import lightning as L
import torch


class Classifier(L.LightningModule):
    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)
        return optimizer
```

## When it stays silent
Where the method builds no optimizer, where it returns something on some path, and where the object keeps what it builds.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [LightningModule.configure_optimizers](https://lightning.ai/docs/pytorch/stable/common/lightning_module.html#configure-optimizers)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...analysis.facts import Facts
from ...analysis.paths.trainers import NoOptimizer
from ...finding import Severity
from ..remedy import Compose, Insert, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.missing_optimizers:
        method, name = fact.method.name, fact.optimizer.name
        built = f"`{name}`" if name else "this optimizer"
        yield Observation(
            fact.last,
            f"`{method}` builds {built} and returns nothing: {fact.training.loop.caller} trains without an optimizer",
            confidence(True),
            ((fact.site, "built here"),) if fact.last.statement is not fact.site.statement else (),
            tuple(_return(fact)),
        )


def _return(fact: NoOptimizer) -> Iterator[Remedy]:
    name, scheduler, spelled = fact.optimizer.name, fact.scheduler, fact.training.loop.with_schedule
    if scheduler is not None:
        if fact.ends and name and scheduler.name and spelled:
            returned = spelled.format(optimizer=name, scheduler=scheduler.name)
            yield Insert(fact.last, f"return {returned}", "at the end")
    elif fact.unnamed:
        yield Compose(fact.last.node, ("return ", fact.site.node), "Return it")
    elif fact.ends and name:
        yield Insert(fact.last, f"return {name}", "at the end")


RULE = Rule("TRN907", "configure-optimizers-returns-nothing", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
