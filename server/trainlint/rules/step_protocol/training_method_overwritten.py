"""A method that sets the mode of a model is overwritten, or its flag is set, which reaches none of its parts.

## What it does
Finds `model.train = False` and its relatives, and `model.training = False` on modules that are made of others.

## Why it matters
The first destroys the method and changes no mode. The second changes the flag of the outermost module alone: every dropout
and batch norm inside stays in the mode it was in. Nothing warns.

## Example
```python
model.train = False
```

## Use instead
```python
model.train(False)
```

## When it stays silent
Where the class gives the attribute a meaning of its own, or reads the flag itself; for modules without parts, whose own flag
is all there is; where a function takes the place of the method.

## Fix safety
Unsafe: the model changes its mode from then on.

## References
- [torch.nn.Module.train](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.train)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.models.attributes import Idle
from ...finding import Severity
from ..remedy import Compose, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.attributes.idle:
        if one.idle is Idle.MODE:
            message = f"`{one.holder}.{one.attribute}` is a method: this overwrites it, and the mode stays what it was"
        elif one.idle is Idle.FLAG:
            message = f"this sets the flag of `{one.holder}` alone: its parts, which drop and normalise, keep their mode"
        else:
            continue
        training = one.value is not (one.attribute == "eval")
        call = ".train()" if training else ".eval()"
        remedies: tuple[Remedy, ...] = ()
        if one.alone:
            remedies = (Compose(one.place.statement, (one.target.value, call), f"Call `{one.holder}{call}`"),)
        yield Observation(one.place, message, confidence(one.certain), remedies=remedies)


RULE = Rule("TRN109", "training-method-overwritten", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
