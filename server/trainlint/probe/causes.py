"""Facts that prove a rule: what went wrong between backward pass, clear and step, and where gradients were
cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ..finding import Confidence
from .facts import BACKWARD, CLIP, STEP, Evidence, Fact, listed, verb
from .protocol import OptimizerSeen, ParameterSeen, StepOfParameter
from .status import Status, warming_up


def causes(evidence: Evidence) -> Iterator[Fact]:
    """Everything that was seen and proves a rule."""
    for index, optimizer in evidence.optimizers:
        yield from _stale(evidence, index, optimizer)
        yield from _nothing_to_apply(evidence, index, optimizer)
        yield from _never_stepped(evidence, index, optimizer)
        yield from _zero_rate(evidence, index, optimizer)
    yield from _rebuilt(evidence)
    yield from _cuts(evidence)
    yield from _outside(evidence)
    yield from _in_no_optimizer(evidence)
    yield from _in_two_optimizers(evidence)
    yield from _modes(evidence)
    yield from _clipping(evidence)
    yield from _losses(evidence)
    yield from _switches(evidence)
    yield from _schedules(evidence)


def _rows(evidence: Evidence, index: int) -> list[tuple[int, StepOfParameter]]:
    """What the steps of an optimizer did to each of its parameters, with the parameter's position."""
    mine = {at for at, _ in evidence.steps_of(index)}
    return [(at, row) for at in evidence.held_by(index) for row in evidence.judged[at].seen.steps if row.step in mine]


def _stale(evidence: Evidence, index: int, optimizer: OptimizerSeen) -> Iterator[Fact]:
    about = sorted({at for at, row in _rows(evidence, index) if row.stale})
    uncleared = any(step.uncleared_closure for _, step in evidence.steps_of(index))
    if not about and not uncleared:
        return
    place, calls = evidence.place_of(index)
    backward = evidence.last_backward()
    name = optimizer.name
    if uncleared:
        yield Fact(
            "TRN113",
            f"`{name}.step()` calls its closure several times, and each call adds to the gradients before: "
            f"call `{name}.zero_grad()` in the closure",
            place,
            calls,
            ((backward, BACKWARD, "the gradients are added here"),) if backward else (),
        )
        return
    related = ((backward, BACKWARD, "new gradients are added to the applied ones here"),) if backward else ()
    for _, other in evidence.optimizers:
        if other is not optimizer and optimizer.clears == 0 and other.clears > other.completed + 1:
            yield Fact(
                "TRN102",
                f"`{name}.step()` applies gradients that were already applied: `{other.name}` is cleared "
                f"{other.clears} times in {other.completed} steps and `{name}` never",
                place,
                calls,
                related,
            )
            return
    held = [at for at in evidence.held_by(index) if evidence.judged[at].seen.received]
    which = "" if len(about) >= len(held) else f" of {evidence.names(about)}"
    yield Fact(
        "TRN101",
        f"`{name}.step()` applies gradients{which} that were already applied: nothing cleared them after the "
        f"step before; call `{name}.zero_grad()` before each backward pass",
        place,
        calls,
        related,
    )


def _nothing_to_apply(evidence: Evidence, index: int, optimizer: OptimizerSeen) -> Iterator[Fact]:
    """An optimizer whose observed steps all found no gradient in any of its parameters."""
    rows = _rows(evidence, index)
    steps = [step for _, step in evidence.steps_of(index)]
    if not rows:
        return
    place, calls = evidence.place_of(index)
    name, about = optimizer.name, frozenset(at for at, _ in rows)
    if not any(row.trainable for _, row in rows):
        yield all_frozen(evidence, index)
        return
    if any(row.nonzero or row.clipped for _, row in rows):
        return
    if any(row.cleared for _, row in rows):
        backward = evidence.last_backward()
        related = ((backward, BACKWARD, "the gradients are computed here"),) if backward else ()
        if any(step.forward_since_backward for step in steps):
            text = "runs before the backward pass of its own turn, after the old gradients were cleared: move it behind"
            yield Fact(
                "TRN106",
                f"`{name}.step()` {text}; it has nothing to apply",
                place,
                calls,
                related,
                about=about,
            )
        else:
            text = "finds no gradients: they are cleared between the backward pass and the step; clear them earlier"
            yield Fact("TRN103", f"`{name}.step()` {text}", place, calls, related, about=about)
        return
    if all(step.backwards == 0 for step in steps):
        text = "has nothing to apply: no backward pass ran before it; call `backward()` on the loss first"
        yield Fact("TRN105", f"`{name}.step()` {text}", place, calls, about=about)
        return
    yield from _loss_without_parameters(evidence, about)


def all_frozen(evidence: Evidence, index: int) -> Fact:
    """No parameter of an optimizer requires a gradient."""
    optimizer, held = evidence.seen.optimizers[index], evidence.held_by(index)
    place = next((each for at in held if (each := evidence.judged[at].seen.frozen_at) is not None), None)
    return Fact(
        "TRN303",
        f"all parameters of `{optimizer.name}` are frozen (`requires_grad` is False): its steps change nothing; hand it "
        "parameters that train, or unfreeze these",
        optimizer.built,
        (optimizer.kind,),
        ((place, ("requires_grad_",), "they are frozen here"),) if place else (),
        about=frozenset(held),
    )


def _loss_without_parameters(evidence: Evidence, about: frozenset[int]) -> Iterator[Fact]:
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
    if any(evidence.judged[at].status is not Status.UNUSED for at in about):
        return []
    shapes = [evidence.judged[at].seen.shape for at in about]
    return [
        at
        for at, each in enumerate(evidence.judged)
        if each.status is Status.IN_NO_OPTIMIZER and each.seen.received and each.seen.shape in shapes
    ]


def _never_stepped(evidence: Evidence, index: int, optimizer: OptimizerSeen) -> Iterator[Fact]:
    seen = evidence.seen
    held = evidence.held_by(index)
    filled = [at for at in held if evidence.judged[at].seen.received]
    over = seen.ended in ("script", "exit")
    if optimizer.completed or optimizer.skipped or optimizer.mid_step or not filled or seen.manual_updates:
        return
    if not over and seen.limit != "backwards":
        return
    yield Fact(
        "TRN104",
        f"{seen.backward_count} backward {verb(seen.backward_count, 'pass', 'passes')} gave gradients to "
        f"parameters of `{optimizer.name}` and `{optimizer.name}.step()` never ran: call it after the backward pass",
        evidence.last_backward(),
        BACKWARD,
        confidence=Confidence.CERTAIN if over else Confidence.LIKELY,
        about=frozenset(held),
    )


def _zero_rate(evidence: Evidence, index: int, optimizer: OptimizerSeen) -> Iterator[Fact]:
    about = [at for at in evidence.held_by(index) if evidence.judged[at].status is Status.RATE_ZERO]
    if not about:
        return
    if warming_up(evidence.seen):
        text = "the learning rate is zero at this step: a warm-up begins, nothing changes yet"
        place, calls = evidence.place_of(index)
        yield Fact("TRNP12", text, place, calls, about=frozenset(about))
    else:
        which = "" if len(about) == len(evidence.held_by(index)) else f" of {evidence.names(about)}"
        text = f"the learning rate{which} in `{optimizer.name}` is zero: its steps change nothing; give it a rate"
        yield Fact("TRN401", text, optimizer.built, (optimizer.kind,), about=frozenset(about))


def _cuts(evidence: Evidence) -> Iterator[Fact]:
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


def _in_no_optimizer(evidence: Evidence) -> Iterator[Fact]:
    """Whole parts of models that get gradients and that nobody trains. Where parts of the same part learn, as
    adapters do beside the weights they adapt, the rest is left out on purpose."""
    trained = {_part(each.seen) for each in evidence.judged if each.seen.model and each.status is Status.LEARNED}
    parts: dict[str, list[int]] = {}
    for at, each in enumerate(evidence.judged):
        seen = each.seen
        if each.status is Status.IN_NO_OPTIMIZER and seen.received and not seen.loaded and seen.model:
            parts.setdefault(_part(seen), []).append(at)
    for part, about in parts.items():
        if part in trained or not trained:
            continue
        first = next((each for _, each in evidence.optimizers if each.built is not None), None)
        built = evidence.judged[about[0]].seen.built
        place = (built[0] if part == evidence.judged[about[0]].seen.model else built[-1]) if built else None
        lacks = (
            ((first.built, (first.kind,), f"`{first.name}` lacks {verb(len(about), 'it', 'them')}"),)
            if first and first.built
            else ()
        )
        yield Fact(
            "TRN304",
            f"{evidence.names(about)} {verb(len(about), 'gets', 'get')} gradients and "
            f"{verb(len(about), 'is', 'are')} in no optimizer: "
            f"{verb(len(about), 'it stays', 'they stay')} as initialised; hand {verb(len(about), 'it', 'them')} to an optimizer",
            place or (first.built if first else None),
            () if place or not first else (first.kind,),
            lacks if place else (),
            confidence=Confidence.LIKELY,
            about=frozenset(about),
        )


def _part(seen: ParameterSeen) -> str:
    """The child of the model that a parameter lies in; the model itself for one of its own."""
    model = seen.model or ""
    inside = seen.name.removeprefix(f"{model}.").split(".")
    return f"{model}.{inside[0]}" if len(inside) > 2 else model


def _in_two_optimizers(evidence: Evidence) -> Iterator[Fact]:
    """Optimizers that step a parameter from the same gradients. Where each has a backward pass of its own, as two
    objectives in turn have, both steps are meant.
    """
    backwards = {index: {step.backwards for _, step in evidence.steps_of(index)} for index, _ in evidence.optimizers}
    pairs: dict[tuple[int, int], list[int]] = {}
    for at, each in enumerate(evidence.judged):
        for first, second in itertools.combinations(sorted(set(each.seen.optimizers) & set(backwards)), 2):
            if backwards[first] & backwards[second]:
                pairs.setdefault((first, second), []).append(at)
    for (one, other), about in pairs.items():
        first_seen, second_seen = evidence.seen.optimizers[one], evidence.seen.optimizers[other]
        yield Fact(
            "TRN319",
            f"`{first_seen.name}` and `{second_seen.name}` both step {evidence.names(about)} from the same gradients; keep one",
            second_seen.built,
            (second_seen.kind,),
        )


def _modes(evidence: Evidence) -> Iterator[Fact]:
    for mode in evidence.seen.modes:
        learned = [each for each in evidence.judged if each.seen.model == mode.model and each.status is Status.LEARNED]
        if learned:
            layers = " and ".join(f"`{kind}`" for kind in mode.affected[:3])
            text = f"`{mode.model}` is in evaluation mode while it is trained: its {layers} layers do not train"
            related = ((mode.at, (mode.model,), "it is trained here"),) if mode.switched_at and mode.at else ()
            place, calls = (mode.switched_at, ("eval", "train")) if mode.switched_at else (mode.at, (mode.model,))
            yield Fact("TRN601", f"{text}; call `{mode.model}.train()`", place, calls, related)


def _clipping(evidence: Evidence) -> Iterator[Fact]:
    clips = evidence.seen.clips
    for step in evidence.seen.steps:
        if step.scaled and step.complete:
            name = evidence.seen.optimizers[step.optimizer].name
            text = f"`{name}.step()` applies gradients that still carry the scaler's factor"
            yield Fact("TRN802", f"{text}: use `scaler.step({name})`", step.at, STEP)
            break
    for clip in clips:
        if clip.scaled:
            text = "the gradients still carry the scaler's factor when they are clipped: call `unscale_` first"
            yield Fact("TRN801", text, clip.at, CLIP)
            break
    if clips and all(clip.after_step or clip.before_backward for clip in clips):
        when = "after the step" if any(clip.after_step for clip in clips) else "before there are gradients"
        yield Fact(
            "TRN804",
            f"gradients are clipped {when}, where that has no effect: clip before the step",
            clips[-1].at,
            CLIP,
        )
    about = [at for at, each in enumerate(evidence.judged) if each.status is Status.CLIPPED_AWAY]
    if about and clips:
        text = f"clipping to {clips[-1].limit:g} leaves nothing of the gradients of {evidence.names(about)}: raise the bound"
        yield Fact("TRN807", text, clips[-1].at, CLIP, about=frozenset(about))


def _losses(evidence: Evidence) -> Iterator[Fact]:
    """Losses that were given what they do not expect."""
    advice = {
        "TRN501": "give it the scores before the softmax",
        "TRN502": "give it the scores before the sigmoid, or use `binary_cross_entropy`",
        "TRN503": "put a `log_softmax` before it, or use `cross_entropy` on the scores",
        "TRN506": "bring both to one shape",
        "TRN508": "take it over the classes: `dim=1`",
        "TRN509": "give it `log_softmax` of the scores",
    }
    for loss in evidence.seen.losses:
        for code, text in loss.misfits:
            yield Fact(code, f"`{loss.name}` does not get what it expects: {text}; {advice[code]}", loss.at, (loss.name,))


def _switches(evidence: Evidence) -> Iterator[Fact]:
    """Attributes that nothing looks at."""
    told: set[tuple[str, bool]] = set()
    for each in evidence.seen.switches:
        verb_, method = ("freezes", "False") if not each.value else ("unfreezes", "True")
        if each.module:
            learned = [one for one in evidence.judged if one.seen.name.startswith(f"{each.of}.") and one.seen.trainable]
            if bool(learned) is each.value or (each.attribute, True) in told:
                continue
            told.add((each.attribute, True))
            text = f"`{each.of}` is a module: its `{each.attribute}` {verb_} nothing; call `{each.of}.requires_grad_({method})`"
            yield Fact("TRN306" if each.attribute == "requires_grad" else "TRN307", text, None, (), assigned=each.attribute)
        elif (each.attribute, False) not in told:
            told.add((each.attribute, False))
            text = f"nothing looks at `{each.attribute}` of `{each.of}`: the switch is called `requires_grad`"
            yield Fact("TRN307", text, None, (), assigned=each.attribute)


def _schedules(evidence: Evidence) -> Iterator[Fact]:
    """Schedules that come too early, never, to the wrong optimizer, or that end training at once."""
    over = evidence.seen.ended in ("script", "exit")
    for each in evidence.seen.schedulers:
        optimizer = evidence.seen.optimizers[each.optimizer] if each.optimizer is not None else None
        name = f"`{optimizer.name}`" if optimizer is not None and optimizer.name else "its optimizer"
        stepped = optimizer is not None and bool(optimizer.completed)
        if each.early and stepped:
            text = f"the schedule of {name} is stepped before {name} is: its first rate is never used; step it afterwards"
            yield Fact("TRN701", text, each.at, STEP)
        if over and not each.steps and optimizer is not None and optimizer.completed > 1:
            text = f"this `{each.kind}` was never stepped: the rate of {name} stayed as it was; call its `step()`"
            yield Fact("TRN702", text, each.built, (each.kind,), confidence=Confidence.LIKELY)
        others = [one for _, one in evidence.optimizers if one is not optimizer and one.completed]
        if each.steps and optimizer is not None and not optimizer.completed and others and not optimizer.skipped:
            used = listed([one.name or one.kind for one in others])
            text = f"this schedule was made for {name}, which makes no step; {used} does: make it for that"
            yield Fact("TRN703", text, each.at, STEP)
        if stepped and each.before and each.after is not None and each.after < each.before * COLLAPSE and each.steps:
            text = f"one step of this `{each.kind}` takes the rate of {name} from {each.before:.3g} to {each.after:.3g}"
            yield Fact("TRNP24", f"{text}: training ends there; check its factor and how often it is stepped", each.at, STEP)


COLLAPSE = 0.05
"""Schedules multiply the rate by 0.1 at a milestone and by 0.5 to 0.999 at a step (the examples in torch's own
documentation of `lr_scheduler`); what leaves less than half of that factor of 0.1 in one step ends training."""


def _rebuilt(evidence: Evidence) -> Iterator[Fact]:
    """Optimizers built at one line again and again for the same parameters, one step each: their state is lost."""
    lines: dict[tuple[str, int], list[int]] = {}
    for index, each in evidence.optimizers:
        if each.built is not None and each.completed == 1:
            lines.setdefault((each.built.path, each.built.line), []).append(index)
    for indices in lines.values():
        held = [set(evidence.held_by(index)) for index in indices]
        if len(indices) < 2 or not set.intersection(*held):
            continue
        first = evidence.seen.optimizers[indices[0]]
        text = f"`{first.kind}` is built anew for every step: momentum and averages are lost; build it once, before the loop"
        yield Fact("TRN112", text, first.built, (first.kind,))


def _outside(evidence: Evidence) -> Iterator[Fact]:
    """Layers that replaced others after the optimizer had been built: it holds tensors of no model."""
    for index, optimizer in evidence.optimizers:
        orphans = [
            at
            for at in evidence.held_by(index)
            if evidence.judged[at].seen.model is None and evidence.judged[at].status in (Status.UNUSED, Status.NO_GRADIENT)
        ]
        learned = any(evidence.judged[at].status is Status.LEARNED for at in evidence.held_by(index))
        strangers = [
            at
            for at, each in enumerate(evidence.judged)
            if each.status is Status.IN_NO_OPTIMIZER and each.seen.received and not each.seen.loaded and each.seen.built
        ]
        if orphans and strangers and learned:
            yield Fact(
                "TRN301",
                f"{evidence.names(strangers)} came into the model after `{optimizer.name}` was built, which holds what was "
                f"there before: build `{optimizer.name}` when the model is complete",
                evidence.judged[strangers[0]].seen.built[-1],
                (),
                ((optimizer.built, (optimizer.kind,), f"`{optimizer.name}` is built here"),) if optimizer.built else (),
                about=frozenset((*orphans, *strangers)),
            )
            return
