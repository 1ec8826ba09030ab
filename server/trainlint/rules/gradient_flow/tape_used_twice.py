"""A tape that is not persistent is asked for gradients a second time.

## What it does
Finds calls that take gradients with a tape that already gave some, where nothing says that it is to keep what it recorded.

## Why it matters
Such a tape lets go of everything with the first call. The second raises a RuntimeError: with several losses or several
models in one step, training ends there.

## Example
```python
with tf.GradientTape() as tape:
    critic_loss, actor_loss = losses(batch)
critic_gradients = tape.gradient(critic_loss, critic.trainable_variables)
actor_gradients = tape.gradient(actor_loss, actor.trainable_variables)
critic_optimizer.apply_gradients(zip(critic_gradients, critic.trainable_variables))
actor_optimizer.apply_gradients(zip(actor_gradients, actor.trainable_variables))
```

## Use instead
```python
with tf.GradientTape(persistent=True) as tape:
    critic_loss, actor_loss = losses(batch)
critic_gradients = tape.gradient(critic_loss, critic.trainable_variables)
actor_gradients = tape.gradient(actor_loss, actor.trainable_variables)
critic_optimizer.apply_gradients(zip(critic_gradients, critic.trainable_variables))
actor_optimizer.apply_gradients(zip(actor_gradients, actor.trainable_variables))
```

## When it stays silent
Where the argument is no constant, where the tape is handed to code out of sight, reset or entered again, and where only some
paths lead through both calls.

## Fix safety
Unsafe: the tape then keeps what it recorded until it is deleted, which takes memory.

## References
- [tf.GradientTape](https://www.tensorflow.org/api_docs/python/tf/GradientTape)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Remedy, SetArgument
from ..rule import Fixability, Observation, Rule, called, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for spent in facts.spent_tapes:
        made = spent.tape.node
        remedies: tuple[Remedy, ...] = ()
        if made is not None:
            remedies = (SetArgument(made, 0, "persistent", "True", "Let the tape keep what it recorded: persistent=True"),)
        call = called(spent.again)
        yield Observation(
            spent.again.site,
            f"`{call}` is called in every turn of a loop that `{spent.tape.name}` was made before: the second call fails"
            if spent.repeated
            else f"`{spent.tape.name}` forgets what it recorded with its first gradients: this second `{call}` raises an error",
            confidence(not spent.repeated),
            () if spent.repeated else ((spent.first.site.node, "the first gradients are taken here"),),
            remedies,
        )


RULE = Rule("TRN221", "tape-used-twice", Severity.ERROR, Fixability.ALWAYS, "0.1.0", check)
