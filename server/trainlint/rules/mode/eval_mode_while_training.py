"""A model is trained while it is in evaluation mode.

## What it does
Finds training steps on what a model computed after `model.eval()`, with no `model.train()` in between: mostly an evaluation at
the end of an epoch that is never undone, so that every epoch but the first trains in evaluation mode.

## Why it matters
In evaluation mode dropout passes everything on, and batch norm uses its running statistics and stops to update them. Training
goes on without an error, with less regularisation and with statistics of an old model: it overfits, or it diverges.

## Example
```python
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model.train()
for epoch in range(10):
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    model.eval()
    validate(model)
```

## Use instead
```python
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    model.eval()
    validate(model)
```

## When it stays silent
Where `train()` is called anywhere on the way from the `eval()` to the training; where only a part of what is trained is put into
evaluation mode, as for batch norm that is frozen on purpose; where the model is in sight and has neither dropout nor
batch norm; where the mode is restored by a value that is out of sight; where the gradients are of the input and no step follows.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.nn.Module.train](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.train)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.models.modules import Content
from ...analysis.places import Place
from ...finding import Severity
from ...source.parse import Spot
from ..remedy import Insert
from ..rule import Fixability, Observation, Rule, called, confidence, written

_LOST = {
    Content.DROPOUT: "dropout is off",
    Content.BATCH_NORM: "batch norm keeps its old statistics",
    None: "dropout is off and batch norm keeps its old statistics, if it has them",
}


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.trained_in_evaluation:
        receiver = called(fact.switch).rpartition(".")[0]
        later = " from the next turn of this loop on" if fact.loop is not None else ""
        related: list[tuple[Place | Spot, str]] = [(fact.loop.node, "this loop")] if fact.loop is not None else []
        related += [(fact.forward.site, "this is computed in evaluation mode"), (fact.step.site, "and applied here")]
        yield Observation(
            fact.switch.site,
            f"nothing undoes `{written(fact.switch)}` before training: `{receiver}` is trained in evaluation mode{later}, "
            f"where {_LOST[fact.content]}",
            confidence(fact.certain),
            tuple(related),
            (Insert(fact.beginning, f"{called(fact.forward)}.train()", "before training", before=True),)
            if fact.beginning
            else (),
        )


RULE = Rule("TRN601", "eval-mode-while-training", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
