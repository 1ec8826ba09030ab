"""A model is loaded and used without being put into evaluation mode.

## What it does
Finds models that compute something after `load_state_dict`, never trained again and still in training mode.

## Why it matters
`load_state_dict` leaves the mode as it is, and a new model is in training mode: dropout throws parts of the model away, and
batch norm uses the statistics of the batch in place of those that were saved. The answers are noisy and depend on what is in
the batch.

## Example
```python
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
model.load_state_dict(torch.load("model.pt"))
with torch.no_grad():
    for x, y in loader:
        print(model(x).argmax(1))
```

## Use instead
```python
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
model.load_state_dict(torch.load("model.pt"))
model.eval()
with torch.no_grad():
    for x, y in loader:
        print(model(x).argmax(1))
```

## When it stays silent
Where anything is differentiated or stepped after the state was loaded, where the model is not known to have dropout or batch
norm, where `train()` is called behind it on purpose, and where code out of sight gets hold of the model.

## Fix safety
Unsafe: what the model answers changes, which is the point.

## References
- [Saving and loading models](https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.models.modules import Content
from ...finding import Severity
from ..remedy import Insert
from ..rule import Fixability, Observation, Rule, called, confidence, written

_NOISE = {
    Content.DROPOUT: "dropout throws parts of it away",
    Content.BATCH_NORM: "batch norm uses the batch in place of the statistics that were saved",
}


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.noisy_inferences:
        if fact.load is None:
            continue
        name = called(fact.load).rpartition(".")[0]
        yield Observation(
            fact.forward.site,
            f"`{written(fact.forward)}` runs in training mode: {_NOISE[fact.content]}",
            confidence(True),
            ((fact.load.site, "the state is loaded here, and the mode stays as it was"),),
            (Insert(fact.load.site, f"{name}.eval()", "behind the load"),),
        )


RULE = Rule("TRN604", "inference-without-eval", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
