"""Watching must not change what is watched, and a step must be judged right for every optimizer there is."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from trainlint.probe.agent.hooks import Attachment
from trainlint.probe.agent.recorder import Recorder
from trainlint.probe.observation import Observation
from trainlint.probe.protocol import BACKWARDS
from trainlint.probe.status import Status, Verdict, judge, verdict

OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "SGD momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-2),
    "SGD foreach": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, foreach=True),
    "SGD fused": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, fused=True),
    "Adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "Adam decay": lambda p: torch.optim.Adam(p, lr=1e-2, weight_decay=0.1, amsgrad=True),
    "Adam fused": lambda p: torch.optim.Adam(p, lr=1e-2, fused=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=1e-2),
    "Adamax": lambda p: torch.optim.Adamax(p, lr=1e-2),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=1e-2),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=1e-2),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=1e-2, momentum=0.5, centered=True),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=1e-2),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "Adadelta": lambda p: torch.optim.Adadelta(p),
    "ASGD": lambda p: torch.optim.ASGD(p, lr=1e-2),
    "Adafactor": lambda p: torch.optim.Adafactor(p, lr=1e-2),
    "LBFGS": lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=4),
}


class Net(nn.Module):
    """Two layers with dropout between them, and a third whose gradient is always zero."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 3))
        self.gated = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + 0.0 * self.gated(x)  # type: ignore[no-any-return]


def train(build: Callable[[Any], torch.optim.Optimizer], turns: int = 6) -> tuple[list[str], list[torch.Tensor]]:
    """The losses, as exact text, and the weights after some turns, from the same start every time."""
    torch.manual_seed(0)
    random.seed(0)
    net = Net()
    optimizer = build(net.parameters())
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    losses = []
    for _ in range(turns):
        x, y = torch.randn(16, 6) * random.random(), torch.randint(0, 3, (16,))

        def closure(x: torch.Tensor = x, y: torch.Tensor = y) -> torch.Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            return loss

        loss = optimizer.step(closure)
        losses.append(float(loss).hex())
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        schedule.step()
    losses.append(float(torch.rand(1)).hex())
    return losses, [parameter.detach().clone() for parameter in net.parameters()]


def watched(run: Callable[[], Any]) -> tuple[Any, Observation]:
    seen: list[tuple[Observation, str | None]] = []
    recorder = Recorder(BACKWARDS, lambda *answer: seen.append(answer), lambda event: None, time.monotonic())
    attachment = Attachment(recorder)
    attachment.attach()
    try:
        result = run()
        recorder.finish("script")
    finally:
        attachment.detach()
    observation, fault = seen[0]
    assert fault is None, fault
    return result, observation


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_under_watch_is_the_same_to_the_last_bit(name: str) -> None:
    losses, weights = train(OPTIMIZERS[name])
    (watched_losses, watched_weights), observation = watched(lambda: train(OPTIMIZERS[name]))
    assert watched_losses == losses
    assert all(torch.equal(one, other) for one, other in zip(weights, watched_weights, strict=True))
    assert observation.counterfactual


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_gets_zero_gradients_is_never_taken_to_learn(name: str) -> None:
    _, observation = watched(lambda: train(OPTIMIZERS[name]))
    judged = judge(observation)
    statuses = {each.seen.name: each.status for each in judged}
    body = {status for parameter, status in statuses.items() if parameter.startswith("net.body")}
    gated = {status for parameter, status in statuses.items() if parameter.startswith("net.gated")}
    decays = name in ("SGD momentum", "Adam decay", "AdamW", "ASGD")
    assert body == {Status.LEARNED}
    assert gated == {Status.DECAY_ONLY if decays else Status.ZERO_GRADIENT}
    assert verdict(observation, judged) is Verdict.PARTLY


class Noisy(torch.optim.Optimizer):
    """Adds noise to every step, as Langevin dynamics does."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"lr": 0.1})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter -= 0.1 * parameter.grad + 0.01 * torch.randn_like(parameter)
        return loss


def test_noise_in_a_step_is_drawn_alike_and_is_not_learning() -> None:
    losses, _ = train(Noisy)
    (watched_losses, _), observation = watched(lambda: train(Noisy))
    assert watched_losses == losses
    statuses = {each.seen.name: each.status for each in judge(observation)}
    assert statuses["net.body.0.weight"] is Status.LEARNED
    assert statuses["net.gated.weight"] is not Status.LEARNED


class Uncopyable(torch.optim.SGD):
    """Holds what cannot be copied."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, lr=0.1)
        self.held = (number for number in range(3))


def test_an_optimizer_that_cannot_be_copied_is_judged_by_its_gradients() -> None:
    losses, _ = train(Uncopyable)
    (watched_losses, _), observation = watched(lambda: train(Uncopyable))
    assert watched_losses == losses
    assert not observation.counterfactual
    statuses = {each.seen.name: each.status for each in judge(observation)}
    assert statuses["net.body.0.weight"] is Status.LEARNED
    assert statuses["net.gated.weight"] is Status.ZERO_GRADIENT


def test_an_agent_that_fails_leaves_the_training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    losses, _ = train(OPTIMIZERS["Adam"])
    seen: list[tuple[Observation, str | None]] = []
    recorder = Recorder(BACKWARDS, lambda *answer: seen.append(answer), lambda event: None, time.monotonic())
    monkeypatch.setattr(recorder.ledger, "baseline", lambda: 1 / 0)
    attachment = Attachment(recorder)
    attachment.attach()
    try:
        watched_losses, _ = train(OPTIMIZERS["Adam"])
    finally:
        attachment.detach()
    assert watched_losses == losses
    (answer,) = seen
    assert answer[1] is not None
    assert "ZeroDivisionError" in answer[1]


def test_an_agent_that_fails_in_an_operation_leaves_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    losses, _ = train(OPTIMIZERS["Adam"])
    seen: list[str | None] = []
    recorder = Recorder(BACKWARDS, lambda observation, fault: seen.append(fault), lambda event: None, time.monotonic())
    monkeypatch.setattr(recorder.chain, "made", lambda name, outputs: 1 / 0)
    attachment = Attachment(recorder)
    attachment.attach()
    try:
        watched_losses, _ = train(OPTIMIZERS["Adam"])
    finally:
        attachment.detach()
    assert watched_losses == losses
    (fault,) = seen
    assert "ZeroDivisionError" in (fault or "")
