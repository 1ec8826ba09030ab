"""A model is validated in training mode.

## What it does
Finds answers of a model that are compared with the right ones, under `torch.no_grad()`, while the model is in training mode.

## Why it matters
Dropout throws parts of the model away, and batch norm uses the statistics of the batch that is validated, and takes them over:
the score is noisy, depends on the batch size, and the validation data leaks into the model.

## Example
```python
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        losses = [criterion(model(x), y).item() for x, y in validation]
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
    with torch.no_grad():
        losses = [criterion(model(x), y).item() for x, y in validation]
```

## When it stays silent
Where the model is not known to have dropout or batch norm, or its mode is out of sight; for samples of a generator, for what
is gathered from several passes as Monte Carlo dropout does, for targets of training, and for a score on the very batch that is
trained on.

## Fix safety
Unsafe: training changes where batch norm no longer takes over what it sees in validation.

## References
- [torch.nn.Module.eval](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.models.modules import Content
from ...finding import Severity
from ..remedy import Surround
from ..rule import Fixability, Observation, Rule, called, confidence, written

_NOISE = {
    Content.DROPOUT: "dropout throws parts of it away",
    Content.BATCH_NORM: "batch norm learns from what it is judged by",
}


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.noisy_inferences:
        if fact.step is None:
            continue
        name = called(fact.forward)
        yield Observation(
            fact.forward.site,
            f"`{written(fact.forward)}` is judged in training mode: {_NOISE[fact.content]}",
            confidence(True),
            ((fact.step.site, "the model is trained here"),),
            (Surround(fact.around, f"{name}.eval()", f"{name}.train()", "before the evaluation"),) if fact.around else (),
        )


RULE = Rule("TRN603", "validation-in-train-mode", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
