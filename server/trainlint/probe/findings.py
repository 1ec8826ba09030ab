"""From what was seen to findings: a rule's own code where a fact proves the rule, the probe's otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..finding import Confidence, Finding, Origin, Related, Severity
from .causes import causes
from .codes import BY_CODE, OF_BATCH, OF_STATUS
from .facts import Evidence, Fact, verb
from .spans import Sources
from .status import Status, spoken_of

_WORDS = {
    Status.ZERO_GRADIENT: "{names} {gets} a gradient that is exactly zero at every step",
    Status.NO_GRADIENT: "no backward pass gave {names} a gradient",
    Status.UNUSED: "{optimizer} holds {names}, and nothing computes with {them}",
    Status.DECAY_ONLY: "only weight decay moves {names}: no gradient has a part in it",
    Status.MOMENTUM_ONLY: "only momentum of earlier steps moves {names}",
    Status.ROUNDED_AWAY: "updates of {names} are too small for {dtype}: {share} of its elements stay",
    Status.NOT_STEPPED: "{optimizer} leaves {names} as {they_are}",
    Status.STEP_SKIPPED: "the gradient scaler left out every step of {optimizer}: the gradients overflowed",
    Status.NON_FINITE: "{share} of the elements of {names} or of the gradient are NaN or infinite",
    Status.MOVED: "something other than a step changes {names}{where}",
    Status.FROZEN_BUT_CHANGED: "{names} {requires} no gradient, and the steps of {optimizer} change {them}",
}


def findings(evidence: Evidence, extra: Iterable[Fact], sources: Sources) -> tuple[Finding, ...]:
    """Everything the observation shows and the `extra` facts, in the order of files and lines."""
    proved = [*extra, *causes(evidence)]
    explained = frozenset[int]().union(*(fact.about for fact in proved))
    facts = [*proved, *_statuses(evidence, explained), *_steps(evidence), *_batch(evidence)]
    made = {_finding(fact, sources): None for fact in facts}
    return tuple(sorted(made, key=lambda one: (one.path, one.span, one.code, one.message)))


def _statuses(evidence: Evidence, explained: frozenset[int]) -> Iterator[Fact]:
    """One fact for all parameters of an optimizer that share a status nobody has explained yet."""
    seen = evidence.seen
    spoken = {id(each) for each in spoken_of(seen, evidence.judged)}
    groups: dict[tuple[int, Status], list[int]] = {}
    for at, each in enumerate(evidence.judged):
        if id(each) not in spoken or at in explained or each.status not in _WORDS:
            continue
        held = next(index for index in each.seen.optimizers if not seen.optimizers[index].inner)
        groups.setdefault((held, each.status), []).append(at)
    for (index, status), about in groups.items():
        place, calls = evidence.place_of(index)
        first = evidence.judged[about[0]]
        if status is Status.STEP_SKIPPED:
            place, calls = evidence.seen.optimizers[index].skipped_at, ("step",)
        if status is Status.MOVED and first.seen.moved_at is not None:
            place, calls = first.seen.moved_at, (first.seen.moved_by,)
        several = len(about) > 1
        share = max(evidence.judged[at].fraction for at in about)
        message = _WORDS[status].format(
            names=evidence.names(about),
            optimizer=f"`{evidence.seen.optimizers[index].name}`",
            dtype=first.seen.dtype,
            share=f"{share:.0%}" if several is False or share == 1 else f"up to {share:.0%}",
            gets="get" if several else "gets",
            requires="require" if several else "requires",
            they="they" if several else "it",
            they_are="they are" if several else "it is",
            them="them" if several else "it",
            where=f": `{first.seen.moved_by}`" if first.seen.moved_at else "",
        )
        yield Fact(OF_STATUS[status], message, place, calls)


def _steps(evidence: Evidence) -> Iterator[Fact]:
    """Facts about the size and direction of updates."""
    for index, optimizer in evidence.optimizers:
        steps = [step for _, step in evidence.steps_of(index) if step.complete]
        descents = [step.descent for step in steps if step.descent is not None]
        if descents and all(descent > 0 for descent in descents):
            text = (
                f"to first order `{optimizer.name}.step()` raises the loss (by {descents[0]:.2g}): "
                "right for an ascent on purpose, else the sign is wrong"
            )
            yield Fact("TRNP20", text, steps[-1].at, ("step",))
        large = []
        for at in evidence.held_by(index):
            each = evidence.judged[at]
            update = each.seen.update_norm
            weight = each.seen.weight_norm
            matrix = len(each.seen.shape) > 1 and each.seen.elements >= 16
            if each.status is Status.LEARNED and matrix and update and weight and update > weight:
                large.append(at)
        if large:
            place, calls = evidence.place_of(index)
            own = verb(len(large), "its", "their")
            text = f"one step changes {evidence.names(large)} by more than {own} own size"
            yield Fact("TRNP21", f"{text}: the learning rate is too high", place, calls)


def _batch(evidence: Evidence) -> Iterator[Fact]:
    for each in evidence.seen.batch:
        yield Fact(OF_BATCH[each.kind], each.text, each.at)


def _finding(fact: Fact, sources: Sources) -> Finding:
    code = BY_CODE[fact.code]
    path, span = sources.locate(fact.place, fact.calls)
    related = []
    for place, calls, message in fact.related:
        where, around = sources.locate(place, calls)
        related.append(Related(where, around, message))
    severity = code.severity
    if fact.confidence is not Confidence.CERTAIN and severity is Severity.ERROR:
        severity = Severity.WARNING
    return Finding(
        code=code.code,
        name=code.name,
        severity=severity,
        confidence=fact.confidence,
        message=fact.message,
        path=path,
        span=span,
        fingerprint=sources.fingerprint(code.code, path, span),
        source=Origin.PROBE,
        related=tuple(related),
    )
