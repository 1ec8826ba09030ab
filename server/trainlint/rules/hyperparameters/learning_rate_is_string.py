"""An optimizer is given its learning rate as a string.

## What it does
Finds optimizers whose learning rate is known to be a string: written in quotes, or loaded from a YAML
file, where `1e-4` without a point is a string and no number.

## Why it matters
Building the optimizer, or its first step, raises an error that speaks of comparing or multiplying types.

## Example
```python
optimizer = torch.optim.Adam(model.parameters(), lr="1e-4")
```

## Use instead
```python
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
```

## When it stays silent
Where the value is converted on the way, where the file is read by a library that knows such numbers, and where the value
is out of sight.

## Fix safety
Safe: the number that the string spells.

## References
- [torch.optim](https://docs.pytorch.org/docs/stable/optim.html)
- [Floating-point numbers in YAML 1.1](https://yaml.org/type/float.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.constants import Hyperparameter
from ...finding import Severity
from ..remedy import Compose, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for given in facts.hyperparameters:
        if given.name != "lr" or not isinstance(given.value, str):
            continue
        loaded = given.source is not None
        yield Observation(
            given.place,
            f"`{given.optimizer.name or 'this optimizer'}` is given its learning rate as the string {given.value!r}"
            + (", for the file says it without a point or in quotes" if loaded else "")
            + ": building it raises an error",
            confidence(True),
            given.origins,
            _conversion(given, given.value.strip()),
        )


def _conversion(given: Hyperparameter, text: str) -> tuple[Remedy, ...]:
    """The quotes go where the string is written here; what comes from elsewhere is converted."""
    node = given.written
    try:
        float(text)
    except ValueError:
        return ()
    if node is None:
        return ()
    if given.literal:
        return (Compose(node, (text,), f"Write {text}, a number", safe=True),)
    return (Compose(node, ("float(", node, ")"), "Convert it to a number", safe=True),)


RULE = Rule("TRN403", "learning-rate-is-string", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
