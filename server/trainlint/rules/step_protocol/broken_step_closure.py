"""A step is not given the closure that it needs: none, a tensor, one without a backward, or one that returns nothing.

## What it does
Finds steps of LBFGS without a closure or with one that returns nothing, steps that are given a loss where a function
belongs, and closures that compute no gradients where nothing else does.

## Why it matters
A step that cannot call its closure, or gets no loss back from it, raises an error. One whose closure differentiates
nothing runs and changes nothing.

## Example
```python
optimizer = torch.optim.LBFGS(model.parameters())
for x, y in loader:

    def closure():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()

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
For optimizers whose class is out of sight or the program's own, for closures out of sight, where nobody uses what a closure
returns, and where the gradients are computed before the step.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [torch.optim: taking an optimization step](https://docs.pytorch.org/docs/stable/optim.html#optimizer-step-closure)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...analysis.facts import Facts
from ...analysis.paths.closures import BrokenClosure, Defect, computes, end_of, returned_name
from ...analysis.paths.empty import Emptiness
from ...finding import Severity
from ..remedy import Compose, Insert
from ..rule import Fixability, Observation, Rule, called, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for broken in facts.broken_closures:
        yield from _broken(broken)
    for protocol in facts.protocols:
        for empty in protocol.empty:
            closure = empty.step.closure
            if empty.why is not Emptiness.NO_BACKWARD or empty.backward is not None or closure is None or not computes(closure):
                continue
            message = f"`{written(empty.step)}` has nothing to apply: its closure computes no gradients"
            end, name = end_of(closure), returned_name(closure)
            remedies = (Insert(end, f"{name}.backward()", "before the return", before=True),) if end and name else ()
            related = ((closure.node, "the closure"),)
            yield Observation(empty.step.site, message, confidence(empty.target.certain), related, remedies)


def _broken(broken: BrokenClosure) -> Iterator[Observation]:
    step, backward, end = broken.step, broken.backward, broken.end
    if broken.defect is Defect.NO_FUNCTION:
        message = f"`{written(step)}` raises an error: it is given a tensor where a function that computes the loss belongs"
        remedy = Compose(step.site.node, (f"{called(step)}()",), f"Write `{called(step)}()`")
        yield Observation(step.site, message, confidence(True), remedies=(remedy,))
    elif broken.defect is Defect.MISSING:
        message = f"`{written(step)}` raises an error: this optimizer needs a closure that computes the loss again"
        built = step.optimizers[0].node
        yield Observation(step.site, message, confidence(True), ((built, "the optimizer"),) if built is not None else ())
    elif broken.defect is Defect.NO_RESULT and backward is not None and end is not None:
        message = f"`{written(step)}` raises an error: its closure returns nothing, and the step needs the loss"
        remedies = (Insert(end, f"return {backward.text}", "at the end of the closure"),)
        yield Observation(step.site, message, confidence(True), ((backward.site.node, "the loss of the closure"),), remedies)


RULE = Rule("TRN114", "broken-step-closure", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
