"""Modes, clipping, losses and schedules that are not what they should be."""

from __future__ import annotations

from collections.abc import Iterator

from ...finding import Confidence
from ..facts import CLIP, STEP, Evidence, Fact, listed
from ..status import Status


def modes(evidence: Evidence) -> Iterator[Fact]:
    for mode in evidence.seen.modes:
        learned = [each for each in evidence.judged if each.seen.model == mode.model and each.status is Status.LEARNED]
        if learned:
            layers = " and ".join(f"`{kind}`" for kind in mode.affected[:3])
            text = f"`{mode.model}` is in evaluation mode while it is trained: its {layers} layers do not train"
            related = ((mode.at, (mode.model,), "it is trained here"),) if mode.switched_at and mode.at else ()
            place, calls = (mode.switched_at, ("eval", "train")) if mode.switched_at else (mode.at, (mode.model,))
            yield Fact("TRN601", f"{text}; call `{mode.model}.train()`", place, calls, related)


def clipping(evidence: Evidence) -> Iterator[Fact]:
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


def losses(evidence: Evidence) -> Iterator[Fact]:
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


def schedules(evidence: Evidence) -> Iterator[Fact]:
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
        idle = optimizer is not None and not (optimizer.completed or optimizer.skipped or (optimizer.wraps and optimizer.inner))
        if each.steps and idle and others:
            used = listed([one.name or one.kind for one in others])
            text = f"this schedule was made for {name}, which makes no step; {used} does: make it for that"
            yield Fact("TRN703", text, each.at, STEP)
        if stepped and each.before and each.after is not None and each.after < each.before * COLLAPSE and each.steps:
            text = f"one step of this `{each.kind}` takes the rate of {name} from {each.before:.3g} to {each.after:.3g}"
            yield Fact("TRNP24", f"{text}: training ends there; check its factor and how often it is stepped", each.at, STEP)


COLLAPSE = 0.05
"""Schedules multiply the rate by 0.1 at a milestone and by 0.5 to 0.999 at a step (the examples in torch's own
documentation of `lr_scheduler`); what leaves less than half of that factor of 0.1 in one step ends training."""
