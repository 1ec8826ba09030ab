"""The forward that is trained by goes past the wrapper that averages gradients over processes.

## What it does
Finds calls such as `ddp_model.module(x)` whose result is differentiated, and applied by an optimizer of the model.

## Why it matters
`DistributedDataParallel` averages gradients over all processes only for what is computed by calling the wrapper. Called through
`.module`, every process applies its own gradients: the copies of the model drift apart, nothing fails, and the checkpoint of the
first process has learned from its own share of the data.

## Example
```python
ddp_model = nn.parallel.DistributedDataParallel(model)
for x, y in loader:
    optimizer.zero_grad()
    criterion(ddp_model.module(x), y).backward()
    optimizer.step()
```

## Use instead
```python
ddp_model = nn.parallel.DistributedDataParallel(model)
for x, y in loader:
    optimizer.zero_grad()
    criterion(ddp_model(x), y).backward()
    optimizer.step()
```

## When it stays silent
For what is computed without gradients, as in validation and generation; where the wrapper is called for the same loss too; where
the program averages gradients by hand or hands the model to code out of sight.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [DistributedDataParallel](https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Compose
from ..rule import Fixability, Observation, Rule, called, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.bypassed_wrappers:
        wrapper, inner = called(fact.forward).rpartition(".")[0], fact.called
        yield Observation(
            fact.forward.site,
            f"`{written(fact.forward)}` goes past the wrapper: the gradients of `{fact.backward.text}` are not averaged "
            "over the processes",
            confidence(fact.certain),
            (
                (fact.wrapped.site, "the model is wrapped here"),
                (fact.backward.site, "every process differentiates for itself here"),
            ),
            (Compose(inner, (inner.value,), f"Call `{wrapper}` itself"),) if inner is not None else (),
        )


RULE = Rule("TRN901", "distributed-wrapper-bypassed", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
