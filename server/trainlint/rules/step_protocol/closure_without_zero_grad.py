"""A closure that the optimizer runs several times in one step never clears the gradients.

## What it does
Finds closures without `zero_grad` that are given to an optimizer which runs them more than once, as LBFGS with
`max_iter` above 1 does.

## Why it matters
Every run adds its gradients to those of the runs before, so the search follows a direction that belongs to no point:
the loss grows, often to infinity. Clearing once before the step is not enough.

## Example
```python
optimizer = torch.optim.LBFGS(model.parameters())
for x, y in loader:

    def closure():
        loss = criterion(model(x), y)
        loss.backward()
        return loss

    optimizer.zero_grad()
    optimizer.step(closure)
```

## Use instead
```python
optimizer = torch.optim.LBFGS(model.parameters())
for x, y in loader:

    def closure():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        return loss

    optimizer.step(closure)
```

## When it stays silent
For optimizers that run the closure once, where `max_iter` is 1 or not known, and where anything in the closure may clear
gradients: the model, a helper, code out of sight.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.optim: taking an optimization step](https://docs.pytorch.org/docs/stable/optim.html#optimizer-step-closure)
- [torch.optim.LBFGS](https://docs.pytorch.org/docs/stable/generated/torch.optim.LBFGS.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.paths.closures import Defect
from ...finding import Severity
from ..remedy import Insert
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for broken in facts.broken_closures:
        if broken.defect is Defect.ADDS_UP and broken.backward is not None:
            name = broken.step.text
            yield Observation(
                broken.backward.site,
                f"`{written(broken.backward)}` adds to the gradients of the run before: `{name}` runs this closure several "
                "times in one step, and nothing in it clears them",
                confidence(True),
                ((broken.step.site.node, "this step runs the closure"),),
                (Insert(broken.backward.site, f"{name}.zero_grad()", "before the backward", before=True),),
            )


RULE = Rule("TRN113", "closure-without-zero-grad", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
