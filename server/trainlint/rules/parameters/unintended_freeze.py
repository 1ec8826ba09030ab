"""A layer is frozen with the random weights it was built with.

## What it does
Finds layers that are built from scratch, frozen for good, and handed to an optimizer all the same, which therefore was meant to
train them.

## Why it matters
The optimizer passes frozen parameters over without a word. A layer that never saw data hands on random numbers for the whole
training, and what stands behind it must learn to read them: often the new head of a pretrained model, frozen together with it
since the loop that freezes runs after the head was put in.

## Example
```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.stem(x))


net = Net()
net.stem.requires_grad_(False)
trainer = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in loader:
    trainer.zero_grad()
    criterion(net(x), y).backward()
    trainer.step()
```

## Use instead
```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.stem(x))


net = Net()
net.stem.requires_grad_(True)
trainer = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in loader:
    trainer.zero_grad()
    criterion(net(x), y).backward()
    trainer.step()
```

## When it stays silent
Where the layer may train again later, or gets its weights from anywhere: a checkpoint, a copy, the program itself, code out of
sight; where its name says that it is meant to stay as it is, as those of targets, teachers, backbones and random features do;
where the optimizer is given only some parameters, such as those that require a gradient; and where nothing of the optimizer
trains, which is another rule's business.

## Fix safety
There is no fix: whether the layer is to train, or not to be handed to the optimizer, is not in the code.

## References
- [Excluding subgraphs from backward](https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.frozen_layers:
        holder = f"`{one.optimizer.name}`" if one.optimizer.name else "an optimizer"
        layer = one.layer.name or (one.layer.cls.name if one.layer.cls is not None else "")
        yield Observation(
            one.frozen,
            f"`{layer}` is frozen here with the random weights it was built with, and {holder} is given it: it never trains",
            confidence(one.layer.in_sight and not one.layer.escaped),
            ((one.built, f"{holder} is built here over frozen parameters too"),),
        )


RULE = Rule("TRN317", "unintended-freeze", Severity.INFO, Fixability.NEVER, "0.1.0", check)
