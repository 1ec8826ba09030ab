"""`assert_learns`: in a test, that a training step changes the weights it should."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .facts import listed
from .failures import Setting
from .observation import Observation, ParameterSeen
from .protocol import BACKWARDS
from .report import render_text
from .spans import Sources
from .status import Status, Verdict
from .verdict import Circumstances, ProbeReport, conclude


def assert_learns(what: Any, optimizer: Any = None) -> Any:
    """Check that a real training step teaches every parameter it should.

    With a model (or several in a list) it is a context manager around the steps, and every parameter of the
    model that requires a gradient must learn, or those of `optimizer` where one is given::

        with trainlint.assert_learns(model):
            for _ in range(2):
                train_step(batch)

    With a function it calls that twice, and everything handed to an optimizer must learn::

        trainlint.assert_learns(lambda: train_step(batch))

    Raises `AssertionError` with the report that names what did not learn, also when no step was made.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        raise AssertionError("torch is not imported, so nothing can learn")
    if isinstance(what, torch.nn.Module):
        return _watched([what], optimizer)
    if callable(what):
        with _watched([], optimizer):
            what()
            what()
        return None
    return _watched(list(what), optimizer)


@contextmanager
def _watched(models: list[Any], optimizer: Any) -> Iterator[None]:
    from .agent.hooks import Attachment
    from .agent.places import user_frames
    from .agent.recorder import Recorder

    caller = next(user_frames(sys._getframe(1)))
    answers: list[tuple[Observation, str | None]] = []
    recorder = Recorder(BACKWARDS, lambda *answer: answers.append(answer), lambda event: None, time.monotonic())
    for model in models:
        recorder.ledger.call(model, outermost=True)
    ledger = recorder.ledger
    ledger.settle(caller)
    ledger.baseline()
    attachment = Attachment(recorder)
    attachment.attach()
    try:
        yield
        recorder.finish("script")
    finally:
        attachment.detach()
    observation, fault = answers[0]
    if fault is not None:
        raise RuntimeError(f"the agent failed:\n{fault}")
    script = caller.f_code.co_filename
    report = conclude(observation, Circumstances(Setting(script, ""), Sources(script)))
    _check(report, _wanted(ledger, models, optimizer))


def _wanted(ledger: Any, models: list[Any], optimizer: Any) -> list[ParameterSeen] | None:
    """The parameters that have to learn; None for all that was handed to an optimizer."""
    if optimizer is not None:
        tensors = [tensor for group in optimizer.param_groups for tensor in group["params"]]
    elif models:
        tensors = [tensor for model in models for tensor in model.parameters()]
    else:
        return None
    return [ledger.subject(tensor).seen for tensor in tensors if tensor.requires_grad]


def _check(report: ProbeReport, wanted: list[ParameterSeen] | None) -> None:
    if wanted is None:
        if report.verdict is not Verdict.LEARNING:
            raise AssertionError(render_text(report))
        return
    learned = {id(each.seen) for each in report.parameters if each.status is Status.LEARNED}
    missing = [seen.name for seen in wanted if id(seen) not in learned]
    changed = [each.seen.name for each in report.parameters if each.status is Status.FROZEN_BUT_CHANGED]
    if not wanted:
        raise AssertionError(f"No parameter requires a gradient, so none can learn.\n\n{render_text(report)}")
    if missing:
        raise AssertionError(f"{listed(missing, 8)} did not learn.\n\n{render_text(report)}")
    if changed:
        raise AssertionError(f"Frozen parameters changed: {listed(changed, 8)}.\n\n{render_text(report)}")
