"""From what was seen to findings: a rule's own code where a fact proves the rule, the probe's otherwise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..finding import Confidence, Finding, Origin, Related, Severity, State
from ..source.text import Span
from .causes import causes
from .codes import BY_CODE, OF_BATCH, OF_STATUS
from .facts import BACKWARD, STEP, Evidence, Fact, verb
from .observation import OptimizerSeen, Place
from .spans import Sources
from .status import Judged, Status, begins_at_zero, spoken_of
from .withdrawals import withdrawals
from .witnesses import witnesses

_WORDS = {
    Status.ZERO_GRADIENT: "{names} {gets} a gradient that is exactly zero at every step",
    Status.NO_GRADIENT: "no backward pass gave {names} a gradient",
    Status.UNUSED: "{optimizer} holds {names}, and in the steps that were seen nothing computes with {them}",
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
    proved = [*extra, *causes(evidence), *_batch(evidence)]
    explained = frozenset[int]().union(*(fact.about for fact in proved))
    facts = [*proved, *_statuses(evidence, explained), *_steps(evidence), *_depth(evidence)]
    made = {_finding(fact, sources): None for fact in facts}
    return tuple(sorted(made, key=_order))


def claims(evidence: Evidence, sources: Sources) -> tuple[Finding, ...]:
    """What the observation says of claims that it would not make itself, as findings in the states CONFIRMED and WITHDRAWN:
    their message says what was seen, and nobody shows them.
    """
    sides = ((State.CONFIRMED, witnesses(evidence)), (State.WITHDRAWN, withdrawals(evidence)))
    made = (replace(_finding(fact, sources), state=state) for state, facts in sides for fact in facts)
    return tuple(sorted(made, key=_order))


def _order(one: Finding) -> tuple[str, Span, str, str]:
    return one.path, one.span, one.code, one.message


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
        optimizer = evidence.seen.optimizers[index]
        related = list(_vanished(evidence, about))
        if optimizer.built is not None and status in _OF_OPTIMIZER:
            rates = ", ".join(f"{rate:g}" for rate in optimizer.rates)
            related.append((optimizer.built, (optimizer.kind,), f"`{optimizer.name}` is built here (learning rate {rates})"))
        told = [text for _, _, text in related[:1]] if status in _OF_CHAIN else []
        precise = status is Status.ROUNDED_AWAY and first.seen.dtype not in _COARSE
        message = "; ".join([message, *(told or [_NEXT_TO_NOTHING if precise else _ADVICE[status]])])
        yield Fact(OF_STATUS[status], message, place, calls, tuple(related))


_OF_OPTIMIZER = (Status.ROUNDED_AWAY, Status.DECAY_ONLY, Status.MOMENTUM_ONLY, Status.UNUSED, Status.NOT_STEPPED)
_OF_CHAIN = (Status.ZERO_GRADIENT, Status.NON_FINITE)

_ADVICE = {
    Status.ZERO_GRADIENT: "see what its output is multiplied by on the way to the loss",
    Status.NON_FINITE: "`torch.autograd.set_detect_anomaly(True)` finds where the first one comes from",
    Status.NO_GRADIENT: "use its output in the loss, or take it out of the optimizer",
    Status.UNUSED: "call the layer in `forward`, or take it out",
    Status.DECAY_ONLY: "see why it gets no gradient",
    Status.MOMENTUM_ONLY: "see why it gets no gradient any more, or clear with `set_to_none=True`",
    Status.ROUNDED_AWAY: "raise the learning rate, or keep a float32 copy of the weights",
    Status.NOT_STEPPED: "call its `step()`",
    Status.MOVED: "leave it to the optimizer, unless this is meant",
    Status.STEP_SKIPPED: "a few skipped steps at the start are normal; if it goes on, lower the loss scale",
    Status.FROZEN_BUT_CHANGED: "leave frozen parameters out of the optimizer, or clear with `set_to_none=True`",
}

_COARSE = ("float16", "bfloat16")
_NEXT_TO_NOTHING = "its gradient is next to nothing: see what weakens it on the way to the loss, or raise the learning rate"

_SATURATING = (
    "sigmoid",
    "tanh",
    "softmax",
    "log_softmax",
    "hardtanh",
    "hardsigmoid",
    "clamp",
    "clip",
    "scaled_dot_product_attention",
)
_FLAT = ("round", "floor", "ceil", "trunc", "sign", "heaviside", "fix", "div", "floor_divide")


def _vanished(evidence: Evidence, about: list[int]) -> Iterator[tuple[Place, tuple[str, ...], str]]:
    """The operations that made the gradients of these parameters zero, or NaN, with what to do about them."""
    for index in dict.fromkeys(evidence.judged[at].seen.vanished for at in about):
        vanishing = evidence.seen.vanishings[index] if index is not None else None
        if vanishing is None or vanishing.at is None:
            continue
        name, line = vanishing.operation, vanishing.at.line
        if vanishing.broken:
            text = f"`{name}` at line {line} has an infinite gradient there: keep its argument away from that value"
        elif "relu" in name:
            text = f"`{name}` at line {line} lets nothing through, all its units are off: lower the learning rate"
        elif name in _FLAT:
            text = f"`{name}` at line {line} is flat, so its gradient is zero everywhere: use a straight-through estimator"
        elif name in _SATURATING:
            text = f"`{name}` at line {line} is saturated: scale its input down"
        else:
            text = f"`{name}` at line {line} multiplies it by zero: look at what it is given"
        yield vanishing.at, (name,), text


def _steps(evidence: Evidence) -> Iterator[Fact]:
    """Facts about the size and direction of updates."""
    for index, optimizer in evidence.optimizers:
        yield from _sign(evidence, index, optimizer)
        searches = optimizer.closure_calls > optimizer.completed
        large = [at for at in evidence.held_by(index) if _is_wild(evidence.judged[at]) and not searches]
        if large:
            place, calls = evidence.place_of(index)
            own = verb(len(large), "its", "their")
            text = f"one step changes {evidence.names(large)} by more than {own} own size"
            built = ((optimizer.built, (optimizer.kind,), f"`{optimizer.name}` is built here"),) if optimizer.built else ()
            yield Fact("TRNP21", f"{text}: lower the learning rate", place, calls, built)


def _sign(evidence: Evidence, index: int, optimizer: OptimizerSeen) -> Iterator[Fact]:
    """Steps that make a loss larger, to first order or because the loss has the wrong sign. Who tells an optimizer to ascend
    something of his own means it, and so does who trains two against each other.
    """
    backwards = evidence.seen.backwards
    steps = [step for _, step in evidence.steps_of(index) if step.complete]
    descents = [step.descent for step in steps if step.descent is not None]
    ascends = bool(descents) and all(descent > 0 for descent in descents)
    turned = len(evidence.optimizers) == 1 and bool(steps and backwards) and all(each.turned for each in backwards)
    if ascends and not turned and (not optimizer.maximizes or all(each.function for each in backwards)):
        text = f"to first order `{optimizer.name}.step()` raises the loss (by {descents[0]:.2g})"
        yield Fact("TRNP20", f"{text}: right for an ascent on purpose, else the sign is wrong", steps[-1].at, STEP)
    elif turned and not ascends and any(evidence.judged[at].seen.model for at in evidence.held_by(index)):
        last = backwards[-1]
        text = f"the loss is minus a `{last.function}`: `{optimizer.name}.step()` makes the error larger"
        yield Fact("TRNP20", f"{text}; right for an ascent on purpose, else drop the sign", last.at, BACKWARD)


_TOO_LONG = 1.0
"""Length of an update against that of its weights beyond which training diverges: "the update can become larger than ||w||, and
this can cause the divergence" (You, Gitman and Ginsburg, "Large batch training of convolutional networks", 2017, section 4).
The usual share is 1e-3."""


def _is_wild(judged: Judged) -> bool:
    """Whether every step moves a matrix by more than its length, or by so much more than the length that it began with that
    its length is the steps' own by now.
    """
    rows, seen = [row for row in judged.seen.steps if row.rate != 0], judged.seen
    if judged.status is not Status.LEARNED or len(seen.shape) < 2 or seen.elements < 16 or not rows:
        return False
    usual = _usual(judged)
    begun = max(rows[0].weight_norm or 0.0, usual)
    moved = [(row.update_norm or 0.0, max(row.weight_norm or 0.0, usual)) for row in rows]
    longer = len(moved) > 1 and all(update > _TOO_LONG * length for update, length in moved)
    return longer or all(update > _THROWN * begun for update, _ in moved)


def _usual(judged: Judged) -> float:
    """The length of weights of this shape as torch draws them, each with a variance of a third of one over the inputs of its
    layer. What begins as zeros, as half of an adapter does, has no length of its own to be compared with.
    """
    inputs = math.prod(judged.seen.shape[1:])
    return math.sqrt(judged.seen.elements / (3 * inputs)) if inputs else 0.0


_THROWN = 10.0
"""The same for steps so long that weights and updates have come to be alike, as Adam's have at a rate of 100: an order of
magnitude beyond."""

_DEEP = 4
"""Weight matrices of a model from which on the first and the last can differ by depth alone."""

_APART = 1e4
"""Factor between the mean gradient of the elements of one layer and of the last, beyond which depth swallows or blows up
gradients. Glorot and Bengio ("Understanding the difficulty of training deep feedforward neural networks", 2010, figures 7
and 9) find factors below 10 in networks that train and of 10 to 100 in those that hardly do; a hundred times that is no
matter of degree."""

_EXPLODED = 1e3
"""Length of the gradient against that of the weights, beyond which a step of 1e-3, the usual share, would be as long as the
weights are. Clipping bounds gradients to lengths of 1 to 10 (Pascanu, Mikolov and Bengio, "On the difficulty of training
recurrent neural networks", 2013)."""


def _depth(evidence: Evidence) -> Iterator[Fact]:
    """Gradients that vanish or explode with the depth of a model."""
    models: dict[str, list[int]] = {}
    for at, each in enumerate(evidence.judged):
        seen = each.seen
        if begins_at_zero(seen) or len(seen.shape) < 2:
            continue
        if seen.model and seen.gradient_norm and seen.optimizers and each.status is Status.LEARNED:
            models.setdefault(seen.model, []).append(at)
    for about in models.values():
        if len(about) < _DEEP:
            continue
        sizes = [(evidence.judged[at].seen.gradient_norm or 0.0) / evidence.judged[at].seen.elements ** 0.5 for at in about]
        place, calls = evidence.place_of(evidence.judged[about[0]].seen.optimizers[0])
        first, last = evidence.judged[about[0]].seen.name, evidence.judged[about[-1]].seen.name
        middle = sorted(sizes)[len(sizes) // 2]
        if sizes[0] * _APART < sizes[-1] and sizes[0] < middle:
            text = f"the gradient of `{first}` is {sizes[-1] / sizes[0]:.1g} times smaller than that of `{last}`"
            yield Fact("TRNP22", f"{text}: it vanishes on the way; use ReLU, normalisation or skip connections", place, calls)
        gradient, weight = (_length(evidence, about, name) for name in ("gradient_norm", "weight_norm"))
        if weight and gradient > _EXPLODED * weight:
            model = evidence.judged[about[0]].seen.model
            longer = f"the gradient of `{model}` is {gradient / weight:.1g} times as long as its weights"
            text = f"{longer}: it explodes on the way back; lower the initial weights, normalise, or clip"
            yield Fact("TRNP23", text, place, calls)


def _length(evidence: Evidence, about: list[int], name: str) -> float:
    return math.hypot(*(getattr(evidence.judged[at].seen, name) or 0.0 for at in about))


def _batch(evidence: Evidence) -> Iterator[Fact]:
    for each in evidence.seen.batch:
        zero = [at for at, one in enumerate(evidence.judged) if one.status is Status.ZERO_GRADIENT]
        about = frozenset(zero if each.kind == "one-output" else ())
        yield Fact(OF_BATCH[each.kind], each.text, each.at, about=about)


def _finding(fact: Fact, sources: Sources) -> Finding:
    code = BY_CODE[fact.code]
    place = sources.assignment(fact.assigned) if fact.assigned else fact.place
    path, span = sources.locate(place, fact.calls)
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
