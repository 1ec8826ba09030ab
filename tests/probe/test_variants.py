"""Honest training in many spellings raises no alarm, and each mistake is told in many."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainlint.probe.status import Verdict
from trainlint.probe.verdict import ProbeReport

from tests.probe.harness import run_forked

_START = '''"""Made by a test.

verdict: learning
"""
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed({seed})
'''
_CLASSIFIER = """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
inputs, labels = torch.randn(64, 20), torch.randint(0, 10, (64,))
"""
_LOOP = """
for _ in range(12):
    optimizer.zero_grad()
    loss = {loss}
    loss.backward()
    optimizer.step()
"""
_ENTROPY = "F.cross_entropy(model(inputs), labels)"
_DISTANCE = "F.mse_loss(model(inputs)[:, 0], labels.float())"

_OPTIMIZERS = (
    "SGD(model.parameters(), lr=1e-3)", "SGD(model.parameters(), lr=1e-3, momentum=0.9, nesterov=True)",
    "AdamW(model.parameters(), lr=1e-5)", "Adam(model.parameters(), fused=True)", "NAdam(model.parameters(), foreach=True)",
    "Adagrad(model.parameters(), lr=1e-3)", "RMSprop(model.parameters(), lr=1e-4)", "Adafactor(model.parameters())",
    "RAdam(model.parameters())", "Adamax(model.parameters())", "ASGD(model.parameters())", "Rprop(model.parameters())",
    "Adadelta(model.parameters())",
)  # fmt: skip

_ADAPTED = """
class Adapted(nn.Module):
    def __init__(self, base, rank):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / 4)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + x @ self.down.t() @ self.up.t()


model = nn.Sequential(Adapted(nn.Linear(20, 64), {rank}), nn.ReLU(), Adapted(nn.Linear(64, 10), {rank}))
inputs, labels = torch.randn(64, 20), torch.randint(0, 10, (64,))
"""
_ADAPTERS = (
    (1, "SGD([each for each in model.parameters() if each.requires_grad], lr=1e-3)"),
    (4, "SGD([each for each in model.parameters() if each.requires_grad], lr=1e-4)"),
    (8, "SGD([each for each in model.parameters() if each.requires_grad], lr=1e-3, momentum=0.9)"),
    (4, "AdamW(model.parameters(), lr=1e-4, weight_decay=0.1)"),
)

_EMBEDDED = """
model = nn.Sequential({embedding}, nn.Flatten(), nn.Linear(16 * 4, 10))
inputs, labels = torch.randint(0, 50, (64, 4)), torch.randint(0, 10, (64,))
"""
_EMBEDDINGS = (
    "nn.Embedding(5000, 16)",
    "nn.Embedding(500, 16, padding_idx=0, max_norm=1.0)",
    "nn.Embedding(500, 16, sparse=True)",
)

_ADVERSARIES = """
maker = nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
critic = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
one, zero = torch.ones(32, 1), torch.zeros(32, 1)
of_maker, of_critic = torch.optim.Adam(maker.parameters(), lr=2e-4), torch.optim.Adam(critic.parameters(), lr=2e-4)
for turn in range(12):
    real, fake = torch.randn(32, 2), maker(torch.randn(32, 4)).detach()
    of_critic.zero_grad()
    ({of_critic}).backward()
    of_critic.step()
    if turn % {every} == 0:
        of_maker.zero_grad()
        real, fake = torch.randn(32, 2), maker(torch.randn(32, 4))
        ({of_maker}).backward()
        of_maker.step()
"""
_GAMES = (
    ("F.mse_loss(critic(real), one) + F.mse_loss(critic(fake), zero)", "F.mse_loss(critic(fake), one)", 1),
    ("F.relu(1 - critic(real)).mean() + F.relu(1 + critic(fake)).mean()", "-critic(fake).mean()", 4),
    ("critic(fake).mean() - critic(real).mean()", "-critic(fake).mean()", 4),
    ("F.softplus(critic(fake) - critic(real)).mean()", "F.softplus(critic(real) - critic(fake)).mean()", 1),
)

_POLICY = """
policy = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
for episode in range(10):
    actions = torch.distributions.Categorical(logits=policy(torch.randn(12, 4)))
    taken = actions.sample()
    rewards = (taken == 0) + 0.1 * torch.arange(12)
    optimizer.zero_grad()
    (-(actions.log_prob(taken) * ({advantage})).sum()).backward()
    optimizer.step()
"""
_ADVANTAGES = ("rewards", "rewards - rewards.mean()", "-rewards", "torch.zeros(12) if episode < 2 else rewards", "100 * rewards")


def _honest() -> dict[str, str]:
    """Scripts by their names."""
    made = {}
    for number, optimizer in enumerate(_OPTIMIZERS):
        made[f"optimizer_{number}"] = f"{_CLASSIFIER}optimizer = torch.optim.{optimizer}{_LOOP.format(loss=_ENTROPY)}"
    for number, (rank, optimizer) in enumerate(_ADAPTERS):
        made[f"adapters_{number}"] = (
            f"{_ADAPTED.format(rank=rank)}optimizer = torch.optim.{optimizer}{_LOOP.format(loss=_ENTROPY)}"
        )
    for number, embedding in enumerate(_EMBEDDINGS):
        optimizer = "optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)"
        made[f"embedding_{number}"] = f"{_EMBEDDED.format(embedding=embedding)}{optimizer}{_LOOP.format(loss=_ENTROPY)}"
    for number, (of_critic, of_maker, every) in enumerate(_GAMES):
        made[f"game_{number}"] = _ADVERSARIES.format(of_critic=of_critic, of_maker=of_maker, every=every)
    for number, advantage in enumerate(_ADVANTAGES):
        made[f"policy_{number}"] = _POLICY.format(advantage=advantage)
    return {name: _START.format(seed=seed) + text for seed, (name, text) in enumerate(made.items())}


def _of_rate(kind: str, rate: float, loss: str) -> str:
    return f"{_CLASSIFIER}optimizer = torch.optim.{kind}(model.parameters(), lr={rate}){_LOOP.format(loss=loss)}"


def _of_loss(loss: str) -> str:
    return f"{_CLASSIFIER}optimizer = torch.optim.Adam(model.parameters(), lr=1e-3){_LOOP.format(loss=loss)}"


def _of_switch(line: str) -> str:
    return f"{_CLASSIFIER}{line}\noptimizer = torch.optim.Adam(model.parameters()){_LOOP.format(loss=_ENTROPY)}"


_WRONG = {
    "TRNP21": [_of_rate(kind, rate, loss) for kind, rate in (("SGD", 100), ("AdamW", 100)) for loss in (_ENTROPY, _DISTANCE)],
    "TRNP20": [_of_loss(loss) for loss in (f"-{_ENTROPY}", f"-1 * {_DISTANCE}", f"0 - {_ENTROPY}", f"{_ENTROPY} * -1.0")],
    "TRN501": [
        _of_loss("F.cross_entropy(model(inputs).softmax(1), labels)"),
        _of_loss("nn.CrossEntropyLoss(label_smoothing=0.1)(nn.Softmax(1)(model(inputs)), labels)"),
        _of_loss("F.cross_entropy(F.softmax(model(inputs), 1).reshape(-1, 10), labels)"),
    ],
    "TRN503": [
        _of_loss("F.nll_loss(model(inputs).softmax(1), labels)"),
        _of_loss("nn.NLLLoss(reduction='sum')(F.softmax(model(inputs), dim=1), labels)"),
    ],
    "TRN306": [
        _of_switch("model[0].requires_grad = False"),
        _of_switch("model.requires_grad = False"),
        _of_switch("for layer in model.children(): layer.requires_grad = False"),
    ],
}
_MISTAKES = {
    f"{code}_{number}": _START.format(seed=number) + text for code, texts in _WRONG.items() for number, text in enumerate(texts)
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ProbeReport]:
    folder: Path = tmp_path_factory.mktemp("one") / "two" / "three" / "four"
    folder.mkdir(parents=True)
    scripts = []
    for name, text in {**_honest(), **_MISTAKES}.items():
        scripts.append(folder / f"{name}.py")
        scripts[-1].write_text(text)
    return {script.stem: report for script, report in run_forked(scripts).items()}


@pytest.mark.parametrize("name", _honest())
def test_honest_training_raises_no_alarm(name: str, reports: dict[str, ProbeReport]) -> None:
    report = reports[name]
    assert [finding.message for finding in report.findings] == []
    assert report.verdict is Verdict.LEARNING, report.sentence


@pytest.mark.parametrize("name", _MISTAKES)
def test_the_mistake_is_told(name: str, reports: dict[str, ProbeReport]) -> None:
    assert name.partition("_")[0] in {finding.code for finding in reports[name].findings}
