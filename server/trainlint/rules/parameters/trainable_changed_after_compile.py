"""What is trainable is changed after training began, and the model is not compiled again.

## What it does
Finds assignments to `trainable` of a model, or of a part of it, between two calls that train the model, with no `compile` in
between.

## Why it matters
The library decides what it trains when training begins, and keeps that until the next `compile`: layers that are frozen now go on
learning, layers that are to be fine-tuned stay as they are. Nothing warns.

## Example
```python
base = keras.applications.MobileNetV2(include_top=False, pooling="avg")
base.trainable = False
model = keras.Sequential([base, keras.layers.Dense(10)])
model.compile(optimizer="adam", loss="mse")
model.fit(x, y)
base.trainable = True
model.fit(x, y)
```

## Use instead
```python
base = keras.applications.MobileNetV2(include_top=False, pooling="avg")
base.trainable = False
model = keras.Sequential([base, keras.layers.Dense(10)])
model.compile(optimizer="adam", loss="mse")
model.fit(x, y)
base.trainable = True
model.compile(optimizer="adam", loss="mse")
model.fit(x, y)
```

## When it stays silent
Before the first training, where the change still takes effect in Keras 3; where the model is compiled again, trains eagerly or is
handed to code out of sight; in loops that switch back and forth, as adversarial training does.

## Fix safety
Unsafe: training changes, which is the point. The call of `compile` is repeated behind the change, where that stands in
no loop.

## References
- [Keras: transfer learning and fine-tuning](https://keras.io/guides/transfer_learning/)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Insert
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for found in facts.ignored_changes:
        again = ast.unparse(found.compiled.site.node)
        yield Observation(
            found.change.site,
            f"`{ast.unparse(found.change.site.node)}` is changed after `{found.model.name}` began to train: "
            "without another compile it goes on training what it trained before",
            confidence(False),
            (
                (found.first.site.node, "training began here"),
                (found.later.site.node, "and goes on here"),
            ),
            (Insert(found.change.site, again, "behind the change"),) if found.alone else (),
        )


RULE = Rule("TRN316", "trainable-changed-after-compile", Severity.WARNING, Fixability.SOMETIMES, "0.1.0", check)
