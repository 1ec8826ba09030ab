"""From an observation to the report: the verdict, one sentence for it, what to do, and the findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..finding import Finding
from .causes.holders import all_frozen
from .facts import BACKWARD, Evidence, Fact, listed, verb
from .failures import Failure, Setting, explain
from .findings import claims, findings
from .observation import BufferSeen, Observation
from .spans import Sources
from .status import Judged, Status, Verdict, holders, is_idle, judge, spoken_of, verdict

VERSION = 1
"""Of the report's JSON. It grows when a key changes its meaning or goes."""

_STAGES = {
    "start": "before torch was imported",
    "torch": "after torch was imported, before an optimizer was built or a model ran",
    "optimizer": "after an optimizer was built, before a model ran",
    "forward": "after a model ran, before a backward pass",
    "backward": "after a backward pass, before an optimizer step",
    "step": "after an optimizer step",
}


@dataclass(frozen=True)
class ProbeReport:
    """What `probe` and `watch` tell. `sentence` and `advice` are for people, as is `output`, the end of what
    the script printed. `sandbox` is None where none was used. `claims`: see `findings.claims`."""

    verdict: Verdict
    sentence: str
    advice: str
    reached: str
    steps: int
    limit: str | None
    sandbox: dict[str, Any] | None
    parameters: tuple[Judged, ...]
    observation: Observation
    findings: tuple[Finding, ...]
    stopped_by: str
    sources: Sources
    output: str = ""
    fault: str | None = None
    claims: tuple[Finding, ...] = ()

    @property
    def buffers(self) -> list[BufferSeen]:
        return self.observation.buffers

    @property
    def loss(self) -> dict[str, Any] | None:
        """The losses that were differentiated, and by how much each observed step changes them to first
        order.
        """
        seen = self.observation
        values = [each.loss for each in seen.backwards if each.loss is not None]
        if not values:
            return None
        return {"values": values, "first_order_change": [step.descent for step in seen.steps]}


@dataclass(frozen=True)
class Circumstances:
    """How the script was run and by whom it was stopped, beyond what the agent itself saw."""

    setting: Setting
    sources: Sources
    sandbox: dict[str, Any] | None = None
    timeout_s: float | None = None
    stopped_by: str | None = None
    limit_mb: int | None = None
    output: str = ""
    fault: str | None = None
    notes: tuple[str, ...] = field(default=())


_STOPPED = {"script": "script-ended", "stopped": "cancelled", "fault": "internal-error"}


def conclude(observation: Observation, around: Circumstances) -> ProbeReport:
    """The whole report of one observation."""
    judged = judge(observation)
    evidence = Evidence(observation, judged)
    reading = verdict(observation, judged)
    error = observation.error
    failure = explain(error, around.setting, around.output) if error is not None else None
    extra = list(_failure_facts(evidence, failure, reading))
    sentence, advice = _words(evidence, reading, failure, around)
    if reading is Verdict.UNREACHED:
        extra.append(Fact("TRNP41", f"{sentence} {advice}".strip(), evidence.last_backward(), BACKWARD))
    return ProbeReport(
        verdict=reading,
        sentence=sentence,
        advice=advice,
        reached=observation.reached,
        steps=sum(each.completed for each in observation.optimizers if not each.inner),
        limit=observation.limit or around.stopped_by,
        sandbox=around.sandbox,
        parameters=judged,
        observation=observation,
        findings=findings(evidence, extra, around.sources),
        stopped_by=_STOPPED.get(observation.ended, observation.ended),
        sources=around.sources,
        output=around.output,
        fault=around.fault,
        claims=claims(evidence, around.sources),
    )


def _failure_facts(evidence: Evidence, failure: Failure | None, reading: Verdict) -> list[Fact]:
    error = evidence.seen.error
    if error is None or failure is None or (error.kind == "SystemExit" and reading is not Verdict.FAILED):
        return []
    place = failure.place
    scalar = "grad can be implicitly created only for scalar outputs"
    if scalar in error.message:
        text = "`backward()` needs one number, and the loss holds several: take its `.mean()` or `.sum()`"
        return [Fact("TRN216", text, place, BACKWARD)]
    if "does not require grad" in error.message or "element 0 of tensors" in error.message:
        frozen = [index for index, _ in evidence.optimizers if _is_frozen(evidence, index)]
        if frozen and len(frozen) == len(evidence.optimizers):
            return [all_frozen(evidence, index) for index in frozen]
        if any(each.alone for each in evidence.seen.backwards):
            text = "the loss is computed from data alone: no output of a model has a part in it; give it one"
            return [Fact("TRN220", text, place, BACKWARD)]
        cut = next(iter(evidence.seen.cuts), None)
        off = cut is not None and cut.operation == "no_grad"
        text = (
            "the loss is computed with gradients switched off, so there is no graph to follow: compute it where they are on"
            if off
            else "the loss has left the graph before `backward()`, so nothing gets a gradient: keep to operations on tensors"
        )
        related = ((cut.at, (cut.operation,), f"`{cut.operation}` here"),) if cut else ()
        return [Fact("TRN205" if off else "TRN201", text, place, BACKWARD, related)]
    return [Fact("TRNP40", f"{failure.what} {failure.advice}".strip(), place)]


def _is_frozen(evidence: Evidence, optimizer: int) -> bool:
    held = evidence.held_by(optimizer)
    return bool(held) and not any(evidence.judged[at].seen.trainable for at in held)


def _words(evidence: Evidence, reading: Verdict, failure: Failure | None, around: Circumstances) -> tuple[str, str]:
    """The verdict in one or two sentences, and what to do."""
    if reading is Verdict.FAILED:
        if failure is None:
            return (
                "The agent itself failed before a step was seen.",
                "Please open an issue with the traceback.",
            )
        return f"Failed: {_lower(failure.what)}", failure.advice
    if reading is Verdict.UNREACHED:
        return _unreached(evidence, failure, around)
    sentence = _manual(evidence) if not _stepped(evidence) and evidence.seen.manual_updates else _counts(evidence, reading)
    ending, advice = _ending(evidence, failure, around)
    return f"{sentence} {ending}".strip(), advice


def _stepped(evidence: Evidence) -> bool:
    return any(each.completed or each.mid_step for _, each in evidence.optimizers)


def _counts(evidence: Evidence, reading: Verdict) -> str:
    trained = spoken_of(evidence.seen, evidence.judged)
    learned = sum(each.status is Status.LEARNED for each in trained)
    held = [one.name or one.kind for each in trained for one in holders(each.seen, evidence.seen)]
    names = listed(list(dict.fromkeys(held or [each.name for _, each in evidence.optimizers])))
    total = f"{len(trained)} {verb(len(trained), 'parameter', 'parameters')}"
    if reading is Verdict.LEARNING:
        every = "the only parameter" if len(trained) == 1 else f"all {total}"
        return f"Learning: {every} handed to {names} {verb(len(trained), 'learns', 'learn')}{_left_out(evidence)}."
    if reading is Verdict.PARTLY and learned == len(trained):
        frozen = [each.seen.name for each in evidence.judged if each.status is Status.FROZEN_BUT_CHANGED]
        return f"Partly learning: all {total} handed to {names} learn, and frozen ones change: {listed(frozen)}."
    if reading is Verdict.PARTLY:
        return f"Partly learning: {learned} of {total} handed to {names} {verb(learned, 'learns', 'learn')}{_left_out(evidence)}."
    if not trained:
        return f"Not learning: everything handed to {names} is frozen."
    return f"Not learning: none of {total} handed to {names} learns."


def _left_out(evidence: Evidence) -> str:
    idle = [each.seen for each in evidence.judged if is_idle(each) and holders(each.seen, evidence.seen)]
    begun = [seen.name for seen in idle if not seen.cancelled]
    subtracted = [seen.name for seen in idle if seen.cancelled]
    words = [f"{listed(subtracted)} {verb(len(subtracted), 'is', 'are')} subtracted again and left out"] if subtracted else []
    if begun:
        words.append(
            f"{listed(begun)} {verb(len(begun), 'gets', 'get')} first gradients and {verb(len(begun), 'is', 'are')} left out"
        )
    return f" ({'; '.join(words)})" if words else ""


def _manual(evidence: Evidence) -> str:
    reached = [each for each in evidence.judged if each.seen.received and each.seen.trainable]
    learned = [each for each in reached if each.status is Status.LEARNED]
    names = listed([each.seen.name for each in learned])
    unchanged = [each.seen.name for each in reached if each.status is not Status.LEARNED]
    but = f" {listed(unchanged)} got a gradient and did not change." if unchanged else ""
    head = "Partly learning" if unchanged else "Learning"
    return f"{head}: no optimizer was used; these tensors changed with their gradients: {names}.{but}"


def _ending(evidence: Evidence, failure: Failure | None, around: Circumstances) -> tuple[str, str]:
    """How the run ended where that bears on the verdict."""
    seen = evidence.seen
    waiting = [each.name or each.kind for _, each in evidence.optimizers if not (each.completed or each.skipped)]
    if seen.ended == "error" and failure is not None:
        count = sum(each.completed for _, each in evidence.optimizers)
        before = f", before {listed(waiting)} made a step," if waiting else ""
        told = failure.what.partition("The script stopped with ")[2] or failure.what
        return (
            f"After {count} {verb(count, 'step', 'steps')}{before} the script failed: {told}",
            failure.advice,
        )
    if seen.ended in ("limit", "stopped"):
        middle = [each for _, each in evidence.optimizers if each.mid_step]
        where = ""
        if middle:
            calls = middle[0].closure_calls
            where = f" in the middle of a step of `{middle[0].name}` ({calls} calls of its closure so far)"
        elif waiting:
            where = f", before {listed(waiting)} made a step"
        return f"This was seen when {_limit(evidence, around)}{where}.", ""
    if sum(each.completed for _, each in evidence.optimizers) == 1:
        return "The script made a single step, so nothing is known of a second one.", ""
    return "", ""


def _limit(evidence: Evidence, around: Circumstances) -> str:
    seen = evidence.seen
    if seen.limit == "backwards":
        return f"{seen.backward_count} backward passes had run"
    if seen.limit == "wall-time":
        return f"the time limit of {around.timeout_s or seen.seconds:g} s was up"
    return "it was stopped"


def _unreached(evidence: Evidence, failure: Failure | None, around: Circumstances) -> tuple[str, str]:
    seen = evidence.seen
    stage = _STAGES[seen.reached]
    if any(each.completed for _, each in evidence.optimizers):
        return (
            "Not reached: the learning rate was zero at every step that was seen, as when a warm-up begins.",
            "The script ended or a limit came before the rate rose: let more steps run with `--timeout` and `--backwards`, "
            "or shorten the warm-up.",
        )
    if around.stopped_by in ("memory", "scratch"):
        limit, advice = f"{around.limit_mb} MB of memory were not enough", "Raise `--memory`, or probe with a smaller batch."
        if around.stopped_by == "scratch":
            limit, advice = f"it wrote more than {around.limit_mb} MB", "Raise `--scratch`, or let it write less."
        return f"Not reached: {limit}; the script was stopped {stage}.", advice
    if seen.limit == "wall-time":
        seconds = around.timeout_s or seen.seconds
        return (
            f"Not reached: {seconds:g} s were up {stage}.",
            "Give it more time with `--timeout`, or less data to prepare.",
        )
    if seen.limit == "backwards" or (seen.backward_count and not evidence.optimizers):
        count = f"{seen.backward_count} backward {verb(seen.backward_count, 'pass', 'passes')}"
        return (
            f"Not reached: {count} ran, no optimizer was built and no tensor changed.",
            "Gradients are computed for something other than training, as far as was seen.",
        )
    if seen.ended == "stopped":
        return f"Not reached: it was stopped {stage}.", ""
    left = failure.what if failure is not None else "The script ended."
    if seen.children:
        several = verb(seen.children, "process", "processes")
        return (
            f"Not reached: the script started {seen.children} child {several}, whose training is not seen.",
            "Probe it with a single process, if the script can be told so after `--`.",
        )
    advice = (failure.advice if failure is not None else "") or {
        "start": "This file trains nothing with torch: probe the one that does.",
        "torch": "No gradient was asked of torch: probe the file that trains, or pass arguments after `--`.",
        "optimizer": "No model was run: check what the script expects, its data for one.",
        "forward": "A model ran and no loss was differentiated: this is inference, or the loop has no data.",
    }.get(seen.reached, "")
    return f"Not reached: {_lower(left).rstrip('.')} {stage}.", advice


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
