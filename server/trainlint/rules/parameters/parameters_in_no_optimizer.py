"""A part of the model is trained by the loss and held by no optimizer.

## What it does
Finds layers, models and parameters that are built in sight, that the loss depends on, and that none of the optimizers holds,
while one of them trains the rest. Where gradients are values: those that were taken by the parameters of one model and are
applied to those of another.

## Why it matters
They get gradients and are never stepped: they keep their first random values for the whole run. Nothing warns.

## Example
```python
encoder, decoder = nn.Linear(4, 8), nn.Linear(8, 2)
optimizer = torch.optim.Adam(encoder.parameters())
for x, y in loader:
    optimizer.zero_grad()
    criterion(decoder(encoder(x)), y).backward()
    optimizer.step()
```

## Use instead
```python
encoder, decoder = nn.Linear(4, 8), nn.Linear(8, 2)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
for x, y in loader:
    optimizer.zero_grad()
    criterion(decoder(encoder(x)), y).backward()
    optimizer.step()
```

## When it stays silent
Where the module is frozen, loaded, copied, put into evaluation mode, handed to code out of sight, or looked after by the
program itself; where its name says that it is a target, a teacher or fixed; where an optimizer or what it holds is out of sight;
for models that come with a library, which may be trained already.

## Fix safety
Unsafe: the part trains from then on. Offered where the optimizer is built in the same function, behind it.

## References
- [torch.optim: constructing it](https://docs.pytorch.org/docs/stable/optim.html#constructing-it)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ...program.things import Role
from ..remedy import Compose, Remedy
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.left_out:
        if one.of_loss:
            continue
        name = one.module.name or "this module"
        remedies: tuple[Remedy, ...] = ()
        if one.argument is not None:
            is_tensor = one.module.role is Role.LEAF
            if one.instead:
                wanted = f"[{name}]" if is_tensor else f"{name}.parameters()"
                remedies = (Compose(one.argument, (wanted,), f"Let the optimizer hold `{name}` instead"),)
            else:
                added = name if is_tensor else f"*{name}.parameters()"
                remedies = (Compose(one.argument, ("[*", one.argument, f", {added}]"), f"Let the optimizer hold `{name}` too"),)
        yield Observation(
            one.built,
            f"`{name}` gets gradients from `{one.backward.text}` and no optimizer holds it: it keeps its first values",
            confidence(True),
            ((one.optimizer_built, "this one holds only other parameters"),),
            remedies,
        )
    for misdirected in facts.differentiations.misdirected():
        by, moved = misdirected.taken.nodes[1], misdirected.moved
        if by is None or moved is None:
            continue
        yield Observation(
            misdirected.step.site,
            f"`{called(misdirected.step)}` moves `{ast.unparse(moved).strip('[]')}` by gradients that were taken by "
            f"`{misdirected.taken.written[1]}`",
            confidence(misdirected.sure),
            ((misdirected.taken.operation.site.node, "the gradients are taken here"),),
            (Compose(moved, (ast.unparse(by),), f"Move `{ast.unparse(by)}`"),),
        )


RULE = Rule("TRN304", "parameters-in-no-optimizer", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
