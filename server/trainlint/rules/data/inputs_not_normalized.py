"""A model is trained on images as they were stored.

## What it does
Finds models that are given integers of 8 bits as numbers up to 255, and loaders whose images become tensors between 0 and 1 at
the end of their transformations, and are not normalized.

## Why it matters
Inputs that are large, or far from a mean of zero, let the first layer take steps of another size than the rest: training is
slow, or its loss becomes NaN.

## Example
```python
images = torch.randint(0, 256, (64, 4), dtype=torch.uint8)
for start in range(0, 64, 8):
    batch = images[start : start + 8]
    optimizer.zero_grad()
    criterion(model(batch.float()), labels[start : start + 8]).backward()
    optimizer.step()
```

## Use instead
```python
images = torch.randint(0, 256, (64, 4), dtype=torch.uint8)
for start in range(0, 64, 8):
    batch = images[start : start + 8]
    optimizer.zero_grad()
    criterion(model(batch.float() / 255), labels[start : start + 8]).backward()
    optimizer.step()
```

## When it stays silent
It is off unless it is selected: many models learn from such inputs all the same. It says nothing of models with batch
normalization where the integers are, of transformations that are not known, and of data that is out of sight.

## Fix safety
Unsafe: training changes, which is the point. Integers are divided by 255; which mean and deviation to normalize by is yours to
find.

## References
- [torchvision.transforms.Normalize](https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Compose
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for found in facts.raw_inputs:
        given = found.given
        remedies = (Compose(given, (given, " / 255"), "Divide by 255"),) if given is not None else ()
        yield Observation(
            found.forward.site,
            f"`{found.model.name or 'the model'}` is trained on integers of images as they were stored, numbers up to 255",
            confidence(False),
            ((found.source.site, "they are made here"),),
            remedies,
        )
    for pipeline in facts.plain_pipelines:
        if pipeline.chain.node is not None:
            yield Observation(
                pipeline.chain.node,
                f"`{pipeline.chain.name or 'Compose'}` ends where images become numbers between 0 and 1: they are not normalized",
                confidence(False),
                ((pipeline.step.site, "they are trained on here"),),
            )


RULE = Rule("TRN002", "inputs-not-normalized", Severity.OFF, Fixability.SOMETIMES, "0.1.0", check)
