"""Training goes over data class by class, in the same order in every epoch.

## What it does
Finds loaders that training goes over without `shuffle` or a sampler, whose data are known to be ordered by class: folders of
images, and tensors whose labels are built in blocks.

## Why it matters
Most batches hold one class only. Each pulls the model towards that class, and the last one wins: the loss goes up and down
within an epoch and the model predicts what it saw last.

## Example
```python
labels = torch.cat([torch.zeros(50), torch.ones(50)]).long()
ordered = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(100, 4), labels), batch_size=8)
for x, y in ordered:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## Use instead
```python
labels = torch.cat([torch.zeros(50), torch.ones(50)]).long()
mixed = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(100, 4), labels), batch_size=8, shuffle=True)
for x, y in mixed:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where `shuffle` is given at all, whatever it is, where a sampler chooses, where nothing trains on the batches, and where the
order of the data is out of sight; for folders of images where no loss tells classes apart.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.utils.data.DataLoader](https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import SetArgument
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for found in facts.ordered_loaders:
        built = found.loader.node
        if built is None:
            continue
        yield Observation(
            built,
            f"`{found.loader.name or 'this loader'}` hands out the samples class by class, in the same order in every epoch: "
            "the model is pulled towards whatever class came last",
            confidence(True),
            ((found.step.site, "it is trained on here"),),
            (SetArgument(built, 2, "shuffle", "True", "Shuffle the training data"),),
        )


RULE = Rule("TRN001", "training-data-not-shuffled", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
