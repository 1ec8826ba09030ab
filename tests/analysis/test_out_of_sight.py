"""What classes of other libraries may do with what they are given is left to them."""

from __future__ import annotations

import pytest
from trainlint.engine import check
from trainlint.source.document import Document

COUNTING = """\
import torch
from torch import nn


class Counting(nn.Module):
    def describe(self):
        return "its heirs return a loss and how many samples it is of"


def train(model: Counting, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    samples, summed = 0, 0.0
    for batch in loader:
        optimizer.zero_grad()
        loss, count = model(batch)
        samples += count
        summed += loss.item()
        loss.backward()
        optimizer.step()
    return summed / samples
"""

PRECONDITIONED = """\
import torch
from torch import nn


def train(loader, curvature):
    model = nn.Linear(4, 3)
    optimizer = curvature(model, lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), model(x).argmax(1)).backward()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
"""

HOOKED = """\
import torch
from torch import nn

sizes = []
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model.register_full_backward_hook(lambda module, inputs, outputs: sizes.append(outputs[0].norm().item()))
for x, y in [(torch.randn(8, 4), torch.randint(0, 3, (8,))) for _ in range(3)]:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), model(x).argmax(1)).backward()
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""

REGISTERED_BY_A_CLASS = """\
import torch
from torch import nn


class Curvature:
    def __init__(self, model):
        self.sizes = []
        for module in model.modules():
            module.register_full_backward_hook(self.save)

    def save(self, module, inputs, outputs):
        self.sizes.append(outputs[0].norm().item())


model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
curvature = Curvature(model)
for x, y in [(torch.randn(8, 4), torch.randint(0, 3, (8,))) for _ in range(3)]:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), model(x).argmax(1)).backward()
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""

ACTING = """\
import torch


class Executor:
    def __init__(self, model, plan):
        self.model = model
        self.plan = plan


class Trainer:
    def __init__(self, executor: Executor, optimizer: torch.optim.Optimizer):
        self.executor = executor
        self.optimizer = optimizer

    def train_step(self, x, y):
        loss = self.executor.forward_backward(x, y)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss


def train(model, plan, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = Trainer(Executor(model, plan), optimizer)
    for x, y in loader:
        print(trainer.train_step(x, y))
"""


@pytest.mark.parametrize(
    ("text", "change", "code"),
    [
        pytest.param(COUNTING, ("loss.item()", "loss"), "TRN211", id="a part of what a model returns may be a number"),
        pytest.param(
            PRECONDITIONED,
            ("curvature(model, lr=0.1)", "torch.optim.SGD(model.parameters(), lr=0.1)"),
            "TRN104",
            id="an optimizer that is given the model may look at gradients",
        ),
        pytest.param(ACTING, ("executor.forward_backward(x, y)", "executor.model(x).mean()"), "TRN105", id="a method acts"),
        pytest.param(HOOKED, ("full_backward_hook", "forward_hook"), "TRN104", id="a hook looks at gradients"),
        pytest.param(REGISTERED_BY_A_CLASS, ("full_backward_hook", "forward_hook"), "TRN104", id="a class registers hooks"),
    ],
)
def test_it_may_be_meant(text: str, change: tuple[str, str], code: str) -> None:
    assert not check(Document("train.py", text)).findings
    assert change[0] in text
    assert [finding.code for finding in check(Document("train.py", text.replace(*change))).findings] == [code]
