"""A model is called without being told that it trains, where its gradients are taken.

## What it does
Finds calls of models with dropout or batch normalisation that a tape records, in a training loop of the program's own, without
the argument `training=True`.

## Why it matters
Such a model works as in inference: its dropout drops nothing, and its batch normalisation uses the averages it began with and
never moves them. `fit` passes the argument by itself, a loop of one's own does not.

## Example
```python
with tf.GradientTape() as tape:
    loss = loss_fn(y, model(x))
gradients = tape.gradient(loss, model.trainable_variables)
optimizer.apply_gradients(zip(gradients, model.trainable_variables))
```

## Use instead
```python
with tf.GradientTape() as tape:
    loss = loss_fn(y, model(x, training=True))
gradients = tape.gradient(loss, model.trainable_variables)
optimizer.apply_gradients(zip(gradients, model.trainable_variables))
```

## When it stays silent
Where the call says anything of training, where the model takes it for granted, where its contents are out of sight or
neither drop nor normalise, and for models whose own parameters the gradients are not taken by.

## Fix safety
Unsafe: training changes, which is the point.

## References
- [Keras: the training argument](https://keras.io/guides/making_new_layers_and_models_via_subclassing/)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.models.modules import Content
from ...finding import Severity
from ..remedy import SetArgument
from ..rule import Fixability, Observation, Rule, confidence, written

_IDLE = {
    Content.DROPOUT: "its dropout drops nothing while it trains",
    Content.BATCH_NORM: "its batch normalisation works as in inference while it trains",
}


def check(facts: Facts) -> Iterable[Observation]:
    for found in facts.unflagged_calls:
        yield Observation(
            found.call.site,
            f"`{written(found.call)}` does not say that it trains: {_IDLE[found.content]}",
            confidence(True),
            ((found.taken.operation.site.node, "its gradients are taken here"),),
            (SetArgument(found.call.site.node, -1, "training", "True", "Pass training=True"),),
        )


RULE = Rule("TRN605", "training-flag-missing", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
