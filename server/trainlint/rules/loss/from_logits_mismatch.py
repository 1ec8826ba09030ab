"""A loss takes its input for logits and is given probabilities, or the other way round.

## What it does
Finds losses with a `from_logits` argument that says the opposite of what the last layer of the model computes: `True` behind a
softmax or sigmoid, `False` (the default) behind a layer without an activation, or on numbers that the same function puts through
a softmax or gives to a loss that takes logits, or on numbers that come from out of sight by the name of logits.

## Why it matters
Behind an activation the loss applies it once more: it cannot come near zero, and gradients are small. Without any, negative
numbers are clipped to almost zero: the gradient vanishes there, and training stalls or diverges. Nothing raises an error;
the TensorFlow backend of Keras takes the second activation back where a layer applied the first, and warns. Others do not.

## Example
```python
model = keras.Sequential([keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
```

## Use instead
```python
model = keras.Sequential([keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=False))
```

## When it stays silent
Where the last step of the model is out of sight or differs between paths, where the argument is no constant, and for layers that
are computed by hand.

## Fix safety
Unsafe: training changes, which is the point. Offered where the argument is written, or can be, in the call that builds the loss.

## References
- [keras.losses.SparseCategoricalCrossentropy](https://keras.io/api/losses/probabilistic_losses/)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.tensors.links import Misfit, MisfitLoss, given_to_loss
from ...finding import Severity
from ...source.parse import Site
from ..remedy import Remedy, SetArgument
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.misfit_losses:
        if one.elsewhere is not None:
            yield _contradicted(one, one.elsewhere)
        if one.misfit is Misfit.NAMED and one.site is not None:
            yield _named(one, one.site)
        if one.misfit not in (Misfit.TWICE, Misfit.NEVER):
            continue
        remedies: tuple[Remedy, ...] = ()
        twice = one.misfit is Misfit.TWICE
        if one.argument is not None:
            text = "False" if twice else "True"
            remedies = (SetArgument(*one.argument, "from_logits", text, f"Set from_logits to {text}"),)
        elif not twice and len(one.heads) == 1 and one.heads[0].place is not None:
            applied = f'activation="{one.fits}"'
            remedies = (SetArgument(one.heads[0].place, -1, "activation", f'"{one.fits}"', f"Apply `{applied}` in this layer"),)
        head = one.heads[0].place
        message = (
            f"`{one.name}` takes logits and is given the output of a {one.heads[0].name}: "
            + ("it applies another, or warns that it does not" if one.repaired else "it applies another, and training stalls")
            if twice
            else f"`{one.name}` takes probabilities and is given numbers without an activation: negative ones give no gradient"
        )
        words = "the activation" if twice else "this layer has none"
        yield Observation(one.at, message, confidence(not one.repaired), ((head, words),) if head is not None else (), remedies)


def _contradicted(one: MisfitLoss, elsewhere: Site) -> Observation:
    """It says the opposite of what another computation takes the same numbers for."""
    remedies = (SetArgument(*one.argument, "from_logits", "True", "Set from_logits to True"),) if one.argument is not None else ()
    message = (
        f"`{one.name}` takes probabilities and is given what is taken for logits elsewhere: "
        "without an activation, negative numbers give no gradient"
    )
    return Observation(one.at, message, confidence(False), ((elsewhere, "here they are taken for logits"),), remedies)


def _named(one: MisfitLoss, site: Site) -> Observation:
    """It says the opposite of what the program calls the numbers."""
    given = given_to_loss(site)
    message = (
        f"`{one.name}` takes probabilities and is given `{ast.unparse(given) if given is not None else ''}`: "
        "if these are logits, negative numbers give no gradient"
    )
    remedies = (SetArgument(*one.argument, "from_logits", "True", "Set from_logits to True"),) if one.argument is not None else ()
    return Observation(
        one.at, message, confidence(False), ((site, "here it is given them"),) if one.at is not site else (), remedies
    )


RULE = Rule("TRN511", "from-logits-mismatch", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
