"""A view cuts a batch into rows that do not fit its samples.

## What it does
Finds `view(-1, n)` and `reshape(-1, n)` of a batch whose samples are known to have a number of features that is no multiple
of n.

## Why it matters
The rows are cut across the samples: a row holds the end of one and the beginning of the next. Where the numbers happen to
come out even nothing is raised, and the model is trained on mixtures.

## Example
```python
x = torch.randn(6, 4)
loss = nn.Linear(8, 1)(nn.Linear(4, 12)(x).view(-1, 8)).sum()
loss.backward()
```

## Use instead
```python
x = torch.randn(6, 4)
loss = nn.Linear(12, 1)(nn.Linear(4, 12)(x).view(-1, 12)).sum()
loss.backward()
```

## When it stays silent
Where a size is out of sight, where samples are cut into several whole rows (time steps, heads of attention), and where no
gradient flows through the view.

## Fix safety
Unsafe: training changes, which is the point. The rows get the length of a sample, and the layer behind them is built for it;
there is no fix where that layer, or its size, is not written out.

## References
- [torch.Tensor.view](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html)
- [torch.flatten](https://docs.pytorch.org/docs/stable/generated/torch.flatten.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.tensors.forms import product
from ...finding import Severity
from ..remedy import WholeRows
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for operation, source in facts.differentiated.items():
        width = facts.shapes.row(operation)
        whole = facts.shapes.of(source.operands[0]) if width is not None else None
        features = product(whole.dims[1:]) if whole is not None and whole.rank is not None and whole.rank >= 2 else None
        if width is None or features is None or features % width == 0:
            continue
        yield Observation(
            operation.site,
            f"`{written(operation)}` makes rows of {width} numbers of samples that have {features}: "
            "the rows mix samples, or an error is raised where the batch does not come out even",
            confidence(True),
            remedies=tuple(WholeRows(operation.site, built, width, features) for built in facts.layers_behind(operation)),
        )


RULE = Rule("TRN512", "flatten-mixes-samples", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
