"""Facts that prove a rule: what went wrong between backward pass, clear and step, where gradients were cut, who holds
which parameters, and what is set as it should not be.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..facts import Evidence, Fact
from . import claims, graph, holders, settings, steps

_OF_ALL = (
    steps.rebuilt, graph.cuts, holders.outside, holders.in_no_optimizer, holders.in_two_optimizers, settings.modes,
    settings.clipping, settings.losses, holders.switches, settings.schedules, claims.told,
)  # fmt: skip
_OF_OPTIMIZERS = (
    steps.stale,
    steps.nothing_to_apply,
    steps.never_stepped,
    steps.zero_rate,
    steps.taken_away,
    steps.last_pass_only,
)


def causes(evidence: Evidence) -> Iterator[Fact]:
    """Everything that was seen and proves a rule."""
    for index, optimizer in evidence.optimizers:
        for facts in _OF_OPTIMIZERS:
            yield from facts(evidence, index, optimizer)
    for all_facts in _OF_ALL:
        yield from all_facts(evidence)
