"""Dropout that is called as a function drops in evaluation mode too.

## What it does
Finds calls of `F.dropout` and its relatives in the methods of a module that are not told whether the module trains.

## Why it matters
A layer `nn.Dropout` follows `model.eval()`. The function does not know the module: without `training=self.training` it drops half
of what it is given in every mode. Validation and inference are noisy, and worse than the model is.

## Example
```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        x = F.dropout(F.relu(self.hidden(x)), 0.5)
        return self.out(x)
```

## Use instead
```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        x = F.dropout(F.relu(self.hidden(x)), 0.5, training=self.training)
        return self.out(x)
```

## When it stays silent
Where `training` is given, whatever it is: Monte Carlo dropout says `training=True`. Where the class or the method is named after
such sampling, where the raw input of the module is dropped from, as data augmentation does, and outside of modules.

## Fix safety
Safe: training stays as it is, and evaluation mode does what it promises.

## References
- [torch.nn.functional.dropout](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Compose
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.fixed_dropouts:
        mode, last = f"training={fact.receiver}.training", fact.last_argument
        yield Observation(
            fact.operation.site,
            f"`{called(fact.operation)}` drops in evaluation mode too: nothing tells it the mode of the module",
            confidence(True),
            (),
            (Compose(last, (last, f", {mode}"), f"Add `{mode}`", safe=True),) if last is not None else (),
        )


RULE = Rule("TRN602", "dropout-always-on", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
