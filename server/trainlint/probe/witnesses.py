"""What a run shows of a rule's claim without being reason enough to speak: where the analysis makes the claim at that place,
it is confirmed.
"""

from __future__ import annotations

from collections.abc import Iterator

from .facts import BACKWARD, STEP, Evidence, Fact
from .observation import OptimizerSeen, Place, StepOfParameter
from .status import Status

MAKERS = ("Mean", "Sum", "NllLoss", "MseLoss", "BinaryCrossEntropy", "SmoothL1", "Huber", "KlDiv", "LogSoftmax")
"""Operations that end in a loss which nothing has divided since."""

SCALED = ("Div", "Mul")


def witnesses(evidence: Evidence) -> tuple[Fact, ...]:
    """Each code at each place where the run shows what the rule claims."""
    made: dict[tuple[str, str, int, str], Fact] = {}
    for fact in (*_claims(evidence), *_passes(evidence), *_hyperparameters(evidence), *_frozen(evidence), *_paces(evidence)):
        place = fact.place
        key = (fact.code, place.path if place else "", place.line if place else 0, fact.assigned)
        made.setdefault(key, fact)
    return tuple(made.values())


def _claims(evidence: Evidence) -> Iterator[Fact]:
    for claim in evidence.seen.claims:
        if claim.holds:
            yield Fact(claim.code, f"a run {claim.text}", claim.at)
    for each in evidence.seen.switches:
        if each.attribute == "training":
            yield Fact("TRN109", f"the parts of `{each.of}` kept their mode in a run", None, assigned=each.attribute)


def _passes(evidence: Evidence) -> Iterator[Fact]:
    """How many backward passes each step was made of, and what became of them."""
    for place, rows in steps_by_place(evidence).items():
        filled = [row for row in rows if row.passes]
        if filled and all(row.wasted and row.passes == row.wasted + 1 for row in filled):
            thrown = min(row.wasted for row in filled)
            text = f"a run cleared the gradients of {thrown} of {thrown + 1} backward passes before each step here"
            yield Fact("TRN107", text, place, STEP)
            yield Fact("TRN408", text, place, STEP)
        summed = max((row.passes - row.wasted for row in filled), default=0)
        if summed > 1 and all(each.made_by.startswith(MAKERS) for each in evidence.seen.backwards):
            text = f"a run added up the gradients of {summed} backward passes for a step, and divided none of the losses"
            for where in backward_places(evidence):
                yield Fact("TRN406", text, where, BACKWARD)


def steps_by_place(evidence: Evidence) -> dict[Place, list[StepOfParameter]]:
    """What the complete steps at each line did to all parameters."""
    places: dict[tuple[str, int], Place] = {}
    rows: dict[Place, list[StepOfParameter]] = {}
    for at, step in enumerate(evidence.seen.steps):
        if step.at is not None and step.complete:
            place = places.setdefault((step.at.path, step.at.line), step.at)
            rows.setdefault(place, []).extend(row for each in evidence.judged for row in each.seen.steps if row.step == at)
    return rows


def backward_places(evidence: Evidence) -> list[Place]:
    return list({(each.at.path, each.at.line): each.at for each in evidence.seen.backwards if each.at is not None}.values())


def _hyperparameters(evidence: Evidence) -> Iterator[Fact]:
    for _, optimizer in evidence.optimizers:
        wrong = out_of_range(optimizer)
        if wrong:
            yield Fact("TRN404", f"`{optimizer.name}` made its steps in a run with {wrong}", optimizer.built, (optimizer.kind,))
        if optimizer.kind == "Adam" and any(optimizer.options.get("weight_decay", ())):
            text = f"`{optimizer.name}` added its weight decay to the gradients in a run"
            yield Fact("TRN405", text, optimizer.built, (optimizer.kind,))
        if not (optimizer.alive or optimizer.completed or optimizer.skipped) and evidence.seen.backward_count:
            text = "this optimizer was gone in a run before it had made a step"
            yield Fact("TRN907", text, optimizer.built, (optimizer.kind,))


def out_of_range(optimizer: OptimizerSeen) -> str:
    """The options of an optimizer that no update survives or forgets, as far as arithmetic can say: a momentum of 1 or more
    sums up all gradients, betas in the wrong order remember the direction longer than its size, a decay of 10 turns weights
    over at the usual rates, and an epsilon of 1e-3 hides the gradients that Adam is made for (Kingma and Ba, "Adam", 2015:
    1e-8)."""
    options = optimizer.options
    betas = options.get("betas", [])
    found = [f"a momentum of {each:g}" for each in options.get("momentum", ()) if each >= 1]
    found += [f"betas of {betas[0]:g} and {betas[1]:g}"] if len(betas) > 1 and betas[0] > betas[1] else []
    found += [f"a weight decay of {each:g}" for each in options.get("weight_decay", ()) if each >= 10]
    found += [f"an epsilon of {each:g}" for each in options.get("eps", ()) if each >= 1e-3 and "Adam" in optimizer.kind]
    return found[0] if found else ""


def _frozen(evidence: Evidence) -> Iterator[Fact]:
    for each in evidence.judged:
        if each.status is Status.FROZEN and each.seen.optimizers and not each.seen.loaded:
            yield Fact("TRN317", f"`{each.seen.name}` stayed as it was built in a run", each.seen.frozen_at)


def _paces(evidence: Evidence) -> Iterator[Fact]:
    """How often schedules are stepped: after every step of the optimizer, or not before the second one."""
    for each in evidence.seen.schedulers:
        optimizer = evidence.seen.optimizers[each.optimizer] if each.optimizer is not None else None
        if optimizer is None or optimizer.completed < 2:
            continue
        if each.steps >= optimizer.completed - 1:
            yield Fact("TRN704", f"a run stepped this {EVERY_BATCH}", each.at, STEP)
        elif not each.steps:
            yield Fact("TRN704", f"a run stepped this {EVERY_EPOCH} at most", each.built, (each.kind,))


EVERY_BATCH = "once for every batch"
EVERY_EPOCH = "once for every epoch"
