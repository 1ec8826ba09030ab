"""The Kullback-Leibler loss is given probabilities where it takes logarithms.

## What it does
Finds `kl_div` and `KLDivLoss` whose input is a softmax or a sigmoid, and those whose target is a log-softmax although
`log_target` is not set.

## Why it matters
The first argument is taken for logarithms of probabilities. Of probabilities the loss is negative and has no relation to
a distance between distributions; of a logarithm as target it is NaN or nothing.

## Example
```python
student = F.softmax(model(x), dim=1)
loss = F.kl_div(student, y, reduction="batchmean")
```

## Use instead
```python
student = F.log_softmax(model(x), dim=1)
loss = F.kl_div(student, y, reduction="batchmean")
```

## When it stays silent
Where the argument may have come about in another way, out of sight or on another path, and where `log_target` is set or
not known.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.nn.KLDivLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import replacement
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for mistaken in facts.mistaken_divergences:
        if mistaken.probabilities:
            heads, wrong = mistaken.probabilities, "its first argument are probabilities, and it takes their logarithms"
            remedies = () if mistaken.logarithms else replacement(heads, "softmax", "log_softmax")
        else:
            heads = mistaken.logarithms
            wrong = "its target are logarithms, and it takes probabilities where `log_target` is not set"
            remedies = replacement(heads, "log_softmax", "softmax")
        assert heads[0].place is not None
        yield Observation(
            mistaken.loss.site,
            f"`{called(mistaken.loss)}` is given the wrong numbers: {wrong}; the loss is no distance and pulls nowhere",
            confidence(True),
            ((heads[0].place, "computed here"),),
            remedies,
        )


RULE = Rule("TRN509", "kl-div-on-probabilities", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
