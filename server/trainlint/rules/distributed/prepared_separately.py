"""An optimizer is prepared apart from the model that it was built from.

## What it does
Finds optimizers that were built from a model before that was prepared, and are prepared by another call, where the accelerator
splits the parameters of models over processes.

## Why it matters
Splitting replaces the parameters of the model. Only an optimizer that is prepared in the same call gets the new ones: any other
steps parameters that no longer compute anything, and the model keeps its first weights.

## Example
```python
from accelerate import Accelerator, FullyShardedDataParallelPlugin

accelerator = Accelerator(fsdp_plugin=FullyShardedDataParallelPlugin())
model = nn.Linear(4, 2)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
model = accelerator.prepare(model)
optimizer = accelerator.prepare(optimizer)
```

## Use instead
```python
from accelerate import Accelerator, FullyShardedDataParallelPlugin

accelerator = Accelerator(fsdp_plugin=FullyShardedDataParallelPlugin())
model = nn.Linear(4, 2)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
model, optimizer = accelerator.prepare(model, optimizer)
```

## When it stays silent
Where nothing says that parameters are split, where the optimizer is built from the prepared model, and where it is out of sight
which parameters it holds.

## Fix safety
There is no fix: the call that prepares both has to stand where both are known.

## References
- [FSDP in Accelerate](https://huggingface.co/docs/accelerate/usage_guides/fsdp)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.prepared_apart:
        name = fact.built.thing.name or "this optimizer"
        yield Observation(
            fact.optimizer.site,
            f"`{name}` is prepared apart from its model: `{written(fact.model)}` gives that new parameters, and `{name}` steps "
            "the old ones",
            confidence(True),
            ((fact.built.site, "it was built from the parameters of before"), (fact.model.site, "they are replaced here")),
        )


RULE = Rule("TRN902", "prepared-separately", Severity.WARNING, Fixability.NEVER, "0.1.0", check)
