"""A loss is computed where the tape that is to differentiate it does not record.

## What it does
Finds gradients that a tape is asked for although the loss, or the model's output that it is computed from, came about
outside of the tape's `with` block.

## Why it matters
A tape knows only what was computed while it recorded. Every gradient is None: applying them raises an error, or, where they
are filtered, nothing is trained.

## Example
```python
with tf.GradientTape() as tape:
    logits = model(x, training=True)
loss = loss_fn(y, logits)
gradients = tape.gradient(loss, model.trainable_variables)
optimizer.apply_gradients(zip(gradients, model.trainable_variables))
```

## Use instead
```python
with tf.GradientTape() as tape:
    logits = model(x, training=True)
    loss = loss_fn(y, logits)
gradients = tape.gradient(loss, model.trainable_variables)
optimizer.apply_gradients(zip(gradients, model.trainable_variables))
```

## When it stays silent
Where any part of the loss is recorded and leads to parameters, where the loss or the tape comes from out of sight, and for
gradients by tensors that are no parameters.

## Fix safety
Unsafe: training changes, which is the point. Offered where the loss is computed right behind the block.

## References
- [tf.GradientTape](https://www.tensorflow.org/api_docs/python/tf/GradientTape)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.flow.differentiations import Way
from ...finding import Severity
from ..remedy import MoveInto, Remedy
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for dead in facts.differentiations.dead():
        tape = dead.taken.tape
        if dead.way is not Way.OUTSIDE or tape is None:
            continue
        operation = dead.cut.operation
        remedies: tuple[Remedy, ...] = (MoveInto(operation.site, tape.node),) if tape.node is not None else ()
        yield Observation(
            operation.site,
            f"`{dead.computed}` is computed outside of `{tape.name}`: all gradients of `{dead.taken.written[0]}` are None",
            confidence(not dead.assumed),
            ((dead.taken.operation.site.node, "the gradients are taken here"),),
            remedies,
        )


RULE = Rule("TRN218", "loss-outside-tape", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
