"""Where the graph of a loss was cut, and losses behind which no parameter lies."""

from __future__ import annotations

from collections.abc import Iterator

from ..facts import BACKWARD, Evidence, Fact, verb
from ..status import Judged, Status


def cuts(evidence: Evidence) -> Iterator[Fact]:
    """Parameters that an optimizer holds and that lie behind a cut, one fact for each cut."""
    for number, cut in enumerate(evidence.seen.cuts):
        about = [
            at
            for at, each in enumerate(evidence.judged)
            if each.seen.cut == number and each.seen.optimizers and each.status in (Status.NO_GRADIENT, Status.DECAY_ONLY)
        ]
        if not about or all(backward.leaf or backward.reached == 0 for backward in evidence.seen.backwards):
            continue
        how = "gradients are switched off here" if cut.operation == "no_grad" else f"`{cut.operation}` cuts the graph here"
        backward = evidence.last_backward()
        related = ((backward, BACKWARD, "the loss that goes back no further"),) if backward else ()
        yield Fact(
            "TRN204",
            f"{how}, and {evidence.names(about)} {verb(len(about), 'lies', 'lie')} behind it: no backward pass "
            f"gave {verb(len(about), 'it', 'them')} a gradient; keep the graph there, or take "
            f"{verb(len(about), 'it', 'them')} out of the optimizer",
            cut.at,
            (cut.operation,),
            related,
            about=frozenset(about),
        )


def loss_without_parameters(evidence: Evidence, about: frozenset[int]) -> Iterator[Fact]:
    backwards = evidence.seen.backwards
    cut = next(iter(evidence.seen.cuts), None)
    related = ((cut.at, (cut.operation,), f"`{cut.operation}` cuts the graph here"),) if cut else ()
    if any(each.leaf for each in backwards):
        place = next(each.at for each in backwards if each.leaf)
        text = "the loss is a new leaf tensor: no parameter lies behind it; differentiate what was computed"
        yield Fact("TRN202", text, place, BACKWARD, related, about=about)
    elif backwards and all(each.reached == 0 for each in backwards):
        text = (
            "the graph of the loss holds no parameter: what was added to it had left the graph before; add tensors, not numbers"
        )
        yield Fact("TRN203", text, backwards[-1].at, BACKWARD, related, about=about)
    else:
        strangers = _replaced(evidence, about)
        if strangers:
            built = evidence.seen.optimizers[min(evidence.judged[min(about)].seen.optimizers)]
            yield Fact(
                "TRN302",
                f"`{built.name}` holds parameters that no model uses; {evidence.names(strangers)} "
                f"{verb(len(strangers), 'gets', 'get')} gradients and {verb(len(strangers), 'is', 'are')} "
                "in no optimizer: build it after the model is complete",
                built.built,
                (built.kind,),
                about=about | frozenset(strangers),
            )


def _replaced(evidence: Evidence, about: frozenset[int]) -> list[int]:
    """Parameters in no optimizer that get the gradients which the unused ones in `about` were
    meant to get.
    """
    if not all(_belongs_nowhere(evidence.judged[at]) for at in about):
        return []
    shapes = [evidence.judged[at].seen.shape for at in about]
    return [
        at
        for at, each in enumerate(evidence.judged)
        if each.status is Status.IN_NO_OPTIMIZER and each.seen.received and each.seen.shape in shapes
    ]


def _belongs_nowhere(judged: Judged) -> bool:
    """Whether no model uses a parameter; one that wrapping replaced was read once, to be copied."""
    return judged.status is Status.UNUSED or (judged.status is Status.NO_GRADIENT and judged.seen.model is None)
