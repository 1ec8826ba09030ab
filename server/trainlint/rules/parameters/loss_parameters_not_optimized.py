"""The loss has parameters of its own and no optimizer holds them.

## What it does
Finds loss modules with parameters (class centres, learned temperatures, weights of several terms) that no optimizer holds.

## Why it matters
They get gradients and are never stepped: the centres stay random, the temperature stays what it was. Nothing warns.

## Example
```python
class Centres(nn.Module):
    def __init__(self, classes, features):
        super().__init__()
        self.centres = nn.Parameter(torch.randn(classes, features))

    def forward(self, features, labels):
        return (features - self.centres[labels]).square().sum(1).mean()

centre_loss = Centres(3, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    centre_loss(model(x), y).backward()
    optimizer.step()
```

## Use instead
```python
class Centres(nn.Module):
    def __init__(self, classes, features):
        super().__init__()
        self.centres = nn.Parameter(torch.randn(classes, features))

    def forward(self, features, labels):
        return (features - self.centres[labels]).square().sum(1).mean()

centre_loss = Centres(3, 2)
optimizer = torch.optim.SGD([*model.parameters(), *centre_loss.parameters()], lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    centre_loss(model(x), y).backward()
    optimizer.step()
```

## When it stays silent
For losses without parameters; where the program freezes, loads or updates them itself; where an optimizer or what it holds is out
of sight.

## Fix safety
Unsafe: the parameters train from then on. Offered where the optimizer is built in the same function, behind the loss.

## References
- [torch.optim: constructing it](https://docs.pytorch.org/docs/stable/optim.html#constructing-it)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Compose, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.left_out:
        if not one.of_loss:
            continue
        name = one.module.name or "this loss"
        remedies: tuple[Remedy, ...] = ()
        if one.argument is not None:
            pieces = ("[*", one.argument, f", *{name}.parameters()]")
            remedies = (Compose(one.argument, pieces, f"Let the optimizer hold `{name}` too"),)
        yield Observation(
            one.built,
            f"the loss `{name}` has parameters of its own and no optimizer holds them: they keep their first values",
            confidence(True),
            ((one.optimizer_built, "this one holds only other parameters"),),
            remedies,
        )


RULE = Rule("TRN305", "loss-parameters-not-optimized", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
