"""What a run says of single lines on its own account, without the analysis having claimed anything there."""

from __future__ import annotations

from collections.abc import Iterator

from ..facts import Evidence, Fact
from ..status import Status

_TOLD = {
    "TRN209": "use one that can be differentiated, or keep it out of the loss",
    "TRN210": "differentiate the sum, or leave the term out",
    "TRN313": "operate first and make the result an `nn.Parameter`",
    "TRN805": "leave the block before it",
    "TRN806": "leave the scaler out",
}
"""Claims that need no analysis to be told, with what to do."""


def told(evidence: Evidence) -> Iterator[Fact]:
    for claim in evidence.seen.claims:
        if claim.holds and claim.code in _TOLD:
            yield Fact(claim.code, f"a run {claim.text}: {_TOLD[claim.code]}", claim.at)
    for _, optimizer in evidence.optimizers:
        for stray in optimizer.strays:
            text = f"`{optimizer.name}` never looks at `{stray}`: its parameter groups keep their own; set it in those"
            yield Fact("TRN110", text, None, assigned=stray)
    yield from moving_statistics(evidence)


def moving_statistics(evidence: Evidence) -> Iterator[Fact]:
    """Batch norms whose weights the script froze while their statistics go on moving, beside others that train."""
    buffers = [each.name.rpartition(".") for each in evidence.seen.buffers if each.changed]
    moved = {layer for layer, _, name in buffers if name == "running_mean"}
    frozen = [
        each.seen
        for each in evidence.judged
        if each.status is Status.FROZEN and each.seen.frozen_at is not None and each.seen.name.rpartition(".")[0] in moved
    ]
    if frozen and any(each.status is Status.LEARNED for each in evidence.judged):
        layer = frozen[0].name.rpartition(".")[0]
        text = f"`{layer}` is frozen, and every batch moves its statistics: put it in evaluation mode after `train()`"
        yield Fact("TRN309", text, frozen[0].frozen_at)
