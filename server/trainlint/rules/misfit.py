"""What rules about losses that take probabilities say alike: the model ends in an activation of another range."""

from __future__ import annotations

from collections.abc import Iterator

from ..analysis.facts import Facts
from ..analysis.tensors.links import Misfit
from .remedy import another_activation
from .rule import Observation, confidence


def of_another_range(facts: Facts, fits: str, lacking: str) -> Iterator[Observation]:
    """Losses that take what the activation `fits` makes; `lacking` says what the numbers they are given are not."""
    for misfit in facts.misfit_losses:
        head = misfit.heads[0]
        if misfit.misfit is Misfit.OTHER and misfit.fits == fits and head.place is not None:
            yield Observation(
                misfit.at,
                f"`{misfit.name}` takes probabilities, and what a {head.name} makes is {lacking}",
                confidence(True),
                ((head.place, f"computed here, with no {fits} behind it"),),
                another_activation(misfit.activation, fits),
            )
