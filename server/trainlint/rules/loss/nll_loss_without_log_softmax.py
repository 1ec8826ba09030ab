"""The negative log-likelihood is given numbers that are no logarithms of probabilities.

## What it does
Finds `nll_loss` and `NLLLoss` whose input is a softmax, a sigmoid, or the plain output of a layer.

## Why it matters
This loss only picks the entry of the right class and negates it. Of raw scores it falls without bound while the scores
grow; of probabilities it has hardly any gradient where the model is sure and wrong. A negative loss is the usual sign.

## Example
```python
loss = F.nll_loss(model(x), y)
```

## Use instead
```python
loss = F.cross_entropy(model(x), y)
```

## When it stays silent
Where the input may have come about in another way, out of sight or on another path, and where a logarithm of any kind
comes last.

## Fix safety
Unsafe: training changes, which is the point. Raw scores get the cross-entropy, a softmax becomes a log-softmax.

## References
- [torch.nn.NLLLoss](https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.graph import Node
from ...analysis.flow.values import UNBOUNDED
from ...finding import Severity
from ..misfit import of_another_range
from ..remedy import another_loss, replacement
from ..rule import Fixability, Observation, Rule, called, confidence

_PROBABILITIES = frozenset({"softmax", "sigmoid"})


def check(facts: Facts) -> Iterable[Observation]:
    for loss in facts.operations.get("nll_loss", ()):
        given = loss.arguments.get("input")
        heads = facts.values.ends_in(Node(given), _PROBABILITIES | UNBOUNDED) if given is not None else ()
        if not heads or not facts.values.by_layers(heads):
            continue
        names = {head.name for head in heads}
        raw = names <= UNBOUNDED
        what = "are raw scores" if raw else "are probabilities" if names <= _PROBABILITIES else "are no logarithms"
        assert heads[0].place is not None
        yield Observation(
            loss.site,
            f"`{called(loss)}` takes logarithms of probabilities, and its input numbers {what}: "
            + ("the loss falls without bound and says nothing" if raw else "there is hardly a gradient where the model is wrong"),
            confidence(True),
            ((heads[0].place, "computed here, with no log-softmax behind it"),),
            another_loss(loss, "cross_entropy") if raw else replacement(heads, "softmax", "log_softmax"),
        )

    yield from of_another_range(facts, "softmax", "no distribution over classes")


RULE = Rule("TRN503", "nll-loss-without-log-softmax", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
