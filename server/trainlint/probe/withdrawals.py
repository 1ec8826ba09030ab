"""What a run refutes: a rule's claim at a place where the run did the opposite of what the rule says.

A claim is only refuted where its own line was seen at work. Nothing here is a finding of its own: a static finding with
that code at that place is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator

from .facts import BACKWARD, CLIP, STEP, Evidence, Fact
from .observation import Place, StepOfParameter
from .status import Status, Verdict, holders, spoken_of, verdict
from .witnesses import SCALED, backward_places, out_of_range, steps_by_place

_HEALTHY = (1e-5, 1e-1)
"""Updates of this share of the weights are neither vain nor wild: the usual figure is 1e-3 (Karpathy, "A recipe for
training neural networks", 2019), and three orders of magnitude below it is where float32 begins to swallow them."""

_GRAPH = ("TRN201", "TRN202", "TRN203", "TRN205", "TRN216", "TRN220")
_NOTHING_TO_APPLY = ("TRN103", "TRN105", "TRN106")


def withdrawals(evidence: Evidence) -> tuple[Fact, ...]:
    """Each code at each place that the run refutes, with the sentence that says how."""
    made: dict[tuple[str, str, int], Fact] = {}
    facts = (_claims, _steps, _passes, _backwards, _optimizers, _values, _models)
    for fact in (fact for each in facts for fact in each(evidence)):
        if fact.place is not None:
            made.setdefault((fact.code, fact.place.path, fact.place.line), fact)
    return tuple(made.values())


def _claims(evidence: Evidence) -> Iterator[Fact]:
    """Lines at which the run came by, and which did not do what a rule says."""
    for claim in evidence.seen.claims:
        if not claim.holds:
            yield Fact(claim.code, f"a run {claim.text}", claim.at)


def _passes(evidence: Evidence) -> Iterator[Fact]:
    """Steps that were made of one backward pass each, and losses that were divided by the number of their passes."""
    rows = steps_by_place(evidence)
    for place, made in rows.items():
        steps = {row.step for row in made if row.passes}
        if len(steps) > 1 and all(row.passes <= 1 for row in made):
            for code in ("TRN107", "TRN408"):
                yield Fact(code, "a run made each step here from the gradients of one backward pass", place, STEP)
    everything = [row for made in rows.values() for row in made if row.passes]
    single = len({row.step for row in everything}) > 1 and all(row.passes == 1 for row in everything)
    if single:
        for place in _distinct([place for _, each in evidence.optimizers for place in each.cleared_at]):
            yield Fact("TRN408", "a run cleared gradients here that had been applied", place, ("zero_grad",))
    divided = [each for each in evidence.seen.backwards if each.made_by.startswith(SCALED)]
    if single or (divided and len(divided) == len(evidence.seen.backwards)):
        how = "made each step from one backward pass" if single else "multiplied or divided every loss before it went back"
        for place in backward_places(evidence):
            yield Fact("TRN406", f"a run {how}", place, BACKWARD)


def _steps(evidence: Evidence) -> Iterator[Fact]:
    """What steps found: gradients, and fresh ones."""
    for place, rows in _rows_by_place(evidence).items():
        found = [row for each in rows.values() for row in each if row.nonzero]
        numbers = {row.step for each in rows.values() for row in each}
        if found and {row.step for row in found} == numbers:
            for code in _NOTHING_TO_APPLY:
                yield Fact(code, "every step that a run made here found gradients to apply", place, STEP)
    for index, optimizer in evidence.optimizers:
        steps = evidence.steps_of(index)
        mine = {at for at, _ in steps}
        held = [evidence.judged[at].seen for at in evidence.held_by(index)]
        later = [row for seen in held for row in [row for row in seen.steps if row.step in mine and row.nonzero][1:]]
        if later and all(row.fresh and not row.stale for row in later) and not any(step.uncleared_closure for _, step in steps):
            text = f"a run saw the gradients of `{optimizer.name}` cleared before it computed new ones"
            for place in _distinct([step.at for _, step in steps]):
                yield Fact("TRN101", text, place, STEP)
            for place in _distinct([place for _, each in evidence.optimizers for place in each.cleared_at]):
                if len(evidence.optimizers) == 2 or _all_fresh(evidence):
                    yield Fact("TRN102", text, place, ("zero_grad",))


def _all_fresh(evidence: Evidence) -> bool:
    rows = [row for each in evidence.judged for row in each.seen.steps[1:] if row.nonzero]
    return bool(rows) and all(row.fresh and not row.stale for row in rows)


def _rows_by_place(evidence: Evidence) -> dict[Place, dict[int, list[StepOfParameter]]]:
    """What the complete steps at each line did, by the position of the parameter."""
    places: dict[tuple[str, int], Place] = {}
    rows: dict[Place, dict[int, list[StepOfParameter]]] = {}
    for at, step in enumerate(evidence.seen.steps):
        if step.at is None or not step.complete:
            continue
        place = places.setdefault((step.at.path, step.at.line), step.at)
        for position, each in enumerate(evidence.judged):
            rows.setdefault(place, {}).setdefault(position, []).extend(row for row in each.seen.steps if row.step == at)
    return rows


def _backwards(evidence: Evidence) -> Iterator[Fact]:
    """What backward passes reached. A line that once failed, or once reached nothing, is left alone."""
    passes: dict[tuple[str, int], list[int]] = {}
    for number, each in enumerate(evidence.seen.backwards):
        if each.at is not None:
            passes.setdefault((each.at.path, each.at.line), []).append(number)
    everything = _all_learn(evidence)
    for numbers in passes.values():
        mine = [evidence.seen.backwards[number] for number in numbers]
        place = mine[0].at
        if not all(each.finished and each.reached and not each.leaf for each in mine):
            continue
        count = min(each.reached or 0 for each in mine)
        for code in _GRAPH:
            yield Fact(code, f"a run differentiated the loss here, and {count} parameters lay behind it", place, BACKWARD)
        if len(mine) > 1:
            yield Fact("TRN212", f"{len(mine)} backward passes ran here one after the other", place, BACKWARD)
        if everything:
            for code in ("TRN104", "TRN215"):
                yield Fact(code, "every parameter that got a gradient in a run was changed by it", place, BACKWARD)


def _all_learn(evidence: Evidence) -> bool:
    """Whether a whole run left nothing that was handed to an optimizer, or that got a gradient, untaught."""
    seen = evidence.seen
    if verdict(seen, evidence.judged) is not Verdict.LEARNING or seen.ended not in ("verdict", "script", "exit"):
        return False
    reached = [each for each in evidence.judged if each.seen.received and each.seen.trainable]
    return all(each.status is Status.LEARNED for each in (*reached, *spoken_of(seen, evidence.judged)))


def _optimizers(evidence: Evidence) -> Iterator[Fact]:
    for index, optimizer in evidence.optimizers:
        held = [evidence.judged[at] for at in evidence.held_by(index)]
        steps = {at for at, _ in evidence.steps_of(index)}
        rows = [row for each in held for row in each.seen.steps if row.step in steps]
        if not rows:
            continue
        place, calls = optimizer.built, (optimizer.kind,)
        if all(each.seen.trainable and each.status is Status.LEARNED for each in held):
            yield Fact("TRN303", f"every parameter of `{optimizer.name}` learned in a run", place, calls)
        if optimizer.options and not out_of_range(optimizer):
            yield Fact("TRN404", f"`{optimizer.name}` made its steps in a run with usual options", place, calls)
        if optimizer.kind == "Adam" and not any(optimizer.options.get("weight_decay", ())):
            yield Fact("TRN405", f"`{optimizer.name}` decayed no weights in a run", place, calls)
        if all(row.rate for row in rows):
            yield Fact("TRN401", f"the rates of `{optimizer.name}` were not zero at any step of a run", place, calls)
        ratios = [
            each.seen.update_norm / each.seen.weight_norm
            for each in held
            if each.seen.update_norm is not None and each.seen.weight_norm and len(each.seen.shape) > 1
        ]
        if ratios and all(_HEALTHY[0] <= ratio <= _HEALTHY[1] for ratio in ratios):
            share = f"{min(ratios):.1g} to {max(ratios):.1g} of the weights"
            yield Fact("TRN402", f"the updates of a run were {share}: neither vain nor wild", place, calls)


def _values(evidence: Evidence) -> Iterator[Fact]:
    """What losses were given, what was cut off and still trains, and what clipping did."""
    said = {
        "TRN501": "what a run gave to this loss were no probabilities",
        "TRN502": "what a run gave to this loss lay outside of 0 to 1",
        "TRN503": "what a run gave to this loss were logarithms of probabilities",
        "TRN504": "what a run gave to this loss were probabilities",
        "TRN505": "there were several outputs in a run",
        "TRN506": "prediction and target had the same shape in a run",
        "TRN508": "what a run gave to this loss summed to one for each sample",
        "TRN509": "what a run gave to this loss were logarithms",
    }
    for loss in evidence.seen.losses:
        for code in loss.fits:
            yield Fact(code, said[code], loss.at)
    for place in evidence.seen.unharmful:
        yield Fact("TRN204", "every parameter behind this got its gradient by another way in a run", place)
    by_place: dict[tuple[str, int], list[int]] = {}
    for number, clip in enumerate(evidence.seen.clips):
        if clip.at is not None:
            by_place.setdefault((clip.at.path, clip.at.line), []).append(number)
    scaled = any(each.scale for _, each in evidence.optimizers)
    for numbers in by_place.values():
        clips = [evidence.seen.clips[number] for number in numbers]
        if scaled and not any(clip.scaled for clip in clips):
            yield Fact("TRN801", "no gradient that a run clipped here carried a factor of the scaler", clips[0].at, CLIP)
        if not any(clip.after_step or clip.before_backward for clip in clips):
            yield Fact("TRN804", "a run clipped fresh gradients here", clips[0].at, CLIP)
            if _all_learn(evidence) and all(clip.left is not None and clip.left > 1e-3 for clip in clips):
                yield Fact("TRN807", "every parameter learned in a run all the same", clips[0].at, CLIP)


def _models(evidence: Evidence) -> Iterator[Fact]:
    for model in evidence.seen.models:
        if model.training == "train" and model.switched_at is not None:
            yield Fact("TRN601", f"`{model.name}` was in training mode whenever a run trained it", model.switched_at)
    for each in evidence.judged:
        if each.status is Status.LEARNED and holders(each.seen, evidence.seen):
            for place in each.seen.built:
                mine = [other for other in evidence.judged if place in other.seen.built]
                if all(other.status is Status.LEARNED for other in mine):
                    for code in ("TRN304", "TRN305", "TRN312", "TRN314"):
                        yield Fact(code, "every parameter that was made here learned in a run", place)
    for schedule in evidence.seen.schedulers:
        if schedule.steps:
            yield Fact("TRN702", "a run stepped this schedule", schedule.built, (schedule.kind,))
            if not schedule.early:
                yield Fact("TRN701", "the optimizer had made its step before a run came here first", schedule.at, STEP)
        if schedule.optimizer is not None and schedule.before != schedule.after:
            optimizer = evidence.seen.optimizers[schedule.optimizer]
            if optimizer.completed and optimizer.alive:
                text = f"a run saw it change the rate of `{optimizer.name}`, which makes steps"
                yield Fact("TRN703", text, schedule.at, STEP)


def _distinct(places: list[Place | None]) -> list[Place]:
    return list({(place.path, place.line): place for place in places if place is not None}.values())
