"""The loss that is to train one of two models is computed from that model's detached output.

## What it does
Finds backwards before the step of an optimizer whose model they do not reach: `.detach()` stands between the loss and the
generator (or the actor) that this step is to train.

## Why it matters
The loss is computed, logged and differentiated, and gives its gradients to the other model only, where they are cleared
again. The step of the generator has nothing to apply: it never learns.

## Example
```python
generator, discriminator = nn.Linear(8, 4), nn.Linear(4, 1)
optimizer = torch.optim.Adam(generator.parameters())
judge = torch.optim.Adam(discriminator.parameters())
criterion = nn.BCEWithLogitsLoss()
for real, _ in loader:
    fake = generator(torch.randn(len(real), 8))
    judge.zero_grad()
    loss = criterion(discriminator(real), torch.ones(len(real), 1))
    loss = loss + criterion(discriminator(fake.detach()), torch.zeros(len(real), 1))
    loss.backward()
    judge.step()
    optimizer.zero_grad()
    loss = criterion(discriminator(fake.detach()), torch.ones(len(real), 1))
    loss.backward()
    optimizer.step()
```

## Use instead
```python
generator, discriminator = nn.Linear(8, 4), nn.Linear(4, 1)
optimizer = torch.optim.Adam(generator.parameters())
judge = torch.optim.Adam(discriminator.parameters())
criterion = nn.BCEWithLogitsLoss()
for real, _ in loader:
    fake = generator(torch.randn(len(real), 8))
    judge.zero_grad()
    loss = criterion(discriminator(real), torch.ones(len(real), 1))
    loss = loss + criterion(discriminator(fake.detach()), torch.zeros(len(real), 1))
    loss.backward()
    judge.step()
    optimizer.zero_grad()
    loss = criterion(discriminator(fake), torch.ones(len(real), 1))
    loss.backward()
    optimizer.step()
```

## When it stays silent
For the step of the discriminator, where detaching is right, where another backward reaches the model, and where a part of the
loss, or code that is handed the model, is out of sight.

## Fix safety
Unsafe: training changes, which is the point. Offered where the cut is one call that can be left out.

## References
- [DCGAN tutorial](https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import left_out
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for found in facts.cut_off:
        cut = found.cut.operation
        yield Observation(
            found.backward.site,
            f"the backward on `{found.backward.text}` gives `{found.model.name}` no gradient: `{written(cut)}` cuts it off, "
            f"and `{written(found.step)}` has nothing to apply",
            confidence(not found.assumed),
            ((cut.site.node, "the graph ends here"), (found.step.site.node, "this step is to train it")),
            left_out(found.cut),
        )


RULE = Rule("TRN215", "generator-loss-detached", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
