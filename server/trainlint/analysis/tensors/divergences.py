"""Divergences between distributions that are given probabilities for logarithms, or the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...program.things import Operation
from ..flow.graph import Node, Source
from ..flow.values import Values

_PROBABILITIES = frozenset({"softmax", "sigmoid"})
_LOGARITHMS = frozenset({"log_softmax", "logsigmoid"})
_SAYS_WHAT_ITS_TARGET_IS = frozenset({"log_target", "**"})


@dataclass(frozen=True, slots=True)
class MistakenDivergence:
    """`loss` takes logarithms first and probabilities as its target, unless it says otherwise.

    `probabilities` are the activations behind its first argument, `logarithms` those behind its target, where these are wrong.
    """

    loss: Operation
    probabilities: tuple[Source, ...]
    logarithms: tuple[Source, ...]


def mistaken_divergences(losses: Iterable[Operation], values: Values) -> Iterator[MistakenDivergence]:
    """Losses of which one argument is not what they take."""
    losses = list(losses)
    # One of several losses may be called at one place, and be meant for what another is not.
    telling = {loss.site.node for loss in losses if not loss.arguments.keys().isdisjoint(_SAYS_WHAT_ITS_TARGET_IS)}
    for loss in losses:
        given, target = loss.arguments.get("input"), loss.arguments.get("target")
        probabilities = values.ends_in(Node(given), _PROBABILITIES) if given is not None else ()
        logarithms = values.ends_in(Node(target), _LOGARITHMS) if target is not None else ()
        if probabilities or (logarithms and loss.site.node not in telling):
            yield MistakenDivergence(loss, probabilities, logarithms)
