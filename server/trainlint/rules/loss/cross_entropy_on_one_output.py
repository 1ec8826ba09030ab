"""A softmax or a cross-entropy is computed over a single output.

## What it does
Finds cross-entropies whose input has one score for each sample, and softmaxes along a dimension of size 1.

## Why it matters
Of one number the softmax is 1, whatever the number: the loss is exactly zero, its gradient is zero, and nothing trains.

## Example
```python
head = nn.Linear(4, 1)
loss = F.cross_entropy(head(torch.randn(8, 4)), torch.zeros(8).long())
```

## Use instead
```python
head = nn.Linear(4, 2)
loss = F.cross_entropy(head(torch.randn(8, 4)), torch.zeros(8).long())
```

## When it stays silent
Where the last layer is replaced later or out of sight, where its result is squeezed or takes another shape (one score
for each of several candidates), and for a softmax along another dimension.

## Fix safety
Unsafe: training changes, which is the point. A second output is offered; one output with a binary loss does as well.

## References
- [torch.nn.CrossEntropyLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
- [torch.nn.BCEWithLogitsLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.graph import Node
from ...analysis.tensors.links import Misfit
from ...finding import Severity
from ..remedy import Remedy, SetArgument
from ..rule import Fixability, Observation, Rule, called, confidence

_LAYERS = frozenset({"linear", "conv1d", "conv2d", "conv3d"})
_KEEPING = frozenset({"dropout", "float", "to", "contiguous", "clone", "identity", "cuda"})


def check(facts: Facts) -> Iterable[Observation]:
    for loss in facts.operations.get("cross_entropy", ()):
        given = loss.arguments.get("input")
        if given is None:
            continue
        heads = facts.values.ends_in(Node(given), _LAYERS, _KEEPING)
        form = facts.shapes.of(Node(given))
        convolved = any(head.name != "linear" for head in heads)
        one = form.dims[1] == 1 if form.rank is not None and form.rank >= 2 else form.last == 1 and not convolved
        if not heads or not one or not facts.values.by_layers(heads):
            continue
        layer = heads[0].place
        assert layer is not None
        remedies: tuple[Remedy, ...] = ()
        if len(heads) == 1:
            remedies = (SetArgument(layer, 1, "out_channels" if convolved else "out_features", "2", "Give it two outputs"),)
        yield Observation(
            loss.site,
            f"`{called(loss)}` compares the scores of several classes, and its input has one: "
            "the loss is zero whatever the model says, and nothing trains",
            confidence(form.rank is not None),
            ((layer, "a layer with one output"),),
            remedies,
        )
    for misfit in facts.misfit_losses:
        layer = misfit.heads[0].place
        if misfit.misfit is Misfit.SINGLE and layer is not None:
            yield Observation(
                misfit.at,
                f"`{misfit.name}` is given a distribution over one class: it is 1 whatever the model says, and nothing trains",
                confidence(True),
                ((layer, "a layer with one output"),),
                (SetArgument(layer, 0, "units", "2", "Give it two outputs"),),
            )


RULE = Rule("TRN505", "cross-entropy-on-one-output", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
