"""A loss is given a target that it cannot take.

## What it does
Finds class numbers as fractions or in a column, one-hot integers where class numbers belong, integers or class
numbers as the target of a binary loss, and predictions and targets that are exchanged.

## Why it matters
Most of these raise an error at the first batch, in words that speak of types and sizes and not of what to write.
Exchanged arguments of a binary loss raise none: the loss is another one, and training goes wrong or stalls.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), F.one_hot(y, 2))
    loss.backward()
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
```

## When it stays silent
Where the type and the dimensions of the target, or those of the prediction, are out of sight; for probabilities as
the target of a cross-entropy, and for teachers and students.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.nn.CrossEntropyLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
- [torch.nn.BCEWithLogitsLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.tensors.targets import Wrong, WrongTarget
from ...finding import Severity
from ..remedy import Bypass, OnOperand, Remedy, SwapArguments, another_loss
from ..rule import Fixability, Observation, Rule, called, confidence

_RAISES = "that raises an error"
_MESSAGES = {
    Wrong.SWAPPED: "takes the prediction first, and is given the target in its place",
    Wrong.FRACTIONS: f"takes class numbers as integers, and they are fractions: {_RAISES}",
    Wrong.ONE_HOT: f"takes class numbers, and is given a row of integers for each sample: {_RAISES}",
    Wrong.COLUMN: f"takes one class number for each sample, and they stand in a column: {_RAISES}",
    Wrong.INTEGERS: f"takes fractions as its target, and is given integers: {_RAISES}",
    Wrong.CLASSES: f"takes a target for every prediction, and is given one class number for each sample: {_RAISES}",
}


def check(facts: Facts) -> Iterable[Observation]:
    for found in facts.targets:
        yield Observation(
            found.loss.site,
            f"`{called(found.loss)}` {_MESSAGES[found.wrong]}",
            confidence(True),
            ((found.made.site, "the target is computed here"),) if found.made is not None else (),
            _remedies(found),
        )


def _remedies(found: WrongTarget) -> tuple[Remedy, ...]:
    call = found.loss.site.node
    if found.wrong is Wrong.SWAPPED:
        return (SwapArguments(call),)
    if found.wrong is Wrong.ONE_HOT and found.made is not None and found.made.name == "one_hot":
        return (Bypass(found.made.site),)
    if found.wrong is Wrong.CLASSES:
        return another_loss(found.loss, "cross_entropy") if found.integers and found.loss.name.endswith("logits") else ()
    methods = {Wrong.FRACTIONS: "long()", Wrong.COLUMN: "squeeze(1)", Wrong.INTEGERS: "float()"}
    return (OnOperand(call, 1, "target", methods[found.wrong]),) if found.wrong in methods else ()


RULE = Rule("TRN507", "wrong-loss-target", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
