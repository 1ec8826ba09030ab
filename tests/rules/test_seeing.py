"""The same mistake behind every construct of the language: seen with the clear missing, silent with it, both as run."""

from __future__ import annotations

import pytest

from tests.rules.cases import report
from tests.rules.execution import execute

HEAD = """\
import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from types import SimpleNamespace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import *

loader = [(torch.randn(4, 2), torch.randn(4, 2)) for _ in range(3)]
args = SimpleNamespace(opt="sgd")
"""
SPELLINGS = {
    "dataclass": """\
@dataclass
class Trainer:
    model: nn.Module
    optimizer: torch.optim.Optimizer
    steps: int = 10
    def train(self, loader):
        for x, y in loader:
            self.optimizer.zero_grad()  # clear
            loss = F.mse_loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
m = nn.Linear(2, 2)
t = Trainer(m, torch.optim.SGD(m.parameters(), lr=0.1))
t.train(loader)
""",
    "namedtuple": """\
class State(NamedTuple):
    model: nn.Module
    optimizer: torch.optim.Optimizer
m = nn.Linear(2, 2)
s = State(m, torch.optim.SGD(m.parameters(), lr=0.1))
for x, y in loader:
    s.optimizer.zero_grad()  # clear
    F.mse_loss(s.model(x), y).backward()
    s.optimizer.step()
""",
    "simplenamespace": """\
m = nn.Linear(2, 2)
s = SimpleNamespace(model=m, opt=torch.optim.SGD(m.parameters(), lr=0.1))
for x, y in loader:
    s.opt.zero_grad()  # clear
    F.mse_loss(s.model(x), y).backward()
    s.opt.step()
""",
    "getattr_optim": """\
def make(name, params):
    return getattr(torch.optim, name)(params, lr=0.1)
m = nn.Linear(2, 2)
opt = make("SGD", m.parameters())
for x, y in loader:
    opt.zero_grad()  # clear
    F.mse_loss(m(x), y).backward()
    opt.step()
""",
    "dict_of_optim_classes": """\
OPTS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
m = nn.Linear(2, 2)
opt = OPTS[args.opt](m.parameters(), lr=0.1)
for x, y in loader:
    opt.zero_grad()  # clear
    F.mse_loss(m(x), y).backward()
    opt.step()
""",
    "lambda": """\
m = nn.Linear(2, 2)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
clear = lambda: opt.zero_grad()
update = lambda l: (l.backward(), opt.step())
for x, y in loader:
    clear()  # clear
    update(F.mse_loss(m(x), y))
""",
    "contextmanager": """\
m = nn.Linear(2, 2)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
@contextmanager
def stepping(opt):
    opt.zero_grad()  # clear
    yield
    opt.step()
for x, y in loader:
    with stepping(opt):
        F.mse_loss(m(x), y).backward()
""",
    "context_manager_class": """\
m = nn.Linear(2, 2)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
class Stepping:
    def __init__(self, opt):
        self.opt = opt
    def __enter__(self):
        self.opt.zero_grad()  # clear
        return self
    def __exit__(self, *exc):
        self.opt.step()
for x, y in loader:
    with Stepping(opt):
        F.mse_loss(m(x), y).backward()
""",
    "async": """\
m = nn.Linear(2, 2)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
async def step(x, y):
    opt.zero_grad()  # clear
    F.mse_loss(m(x), y).backward()
    opt.step()
async def stream():
    for batch in loader:
        yield batch


async def main():
    async for x, y in stream():
        await step(x, y)
asyncio.run(main())
""",
    "while_true": """\
m = nn.Linear(2, 2)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
it = iter(loader)
while True:
    try:
        x, y = next(it)
    except StopIteration:
        break
    opt.zero_grad()  # clear
    F.mse_loss(m(x), y).backward()
    opt.step()
""",
    "walrus": """\
queue = [x for x, _ in loader]
m = nn.Linear(2, 2)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
while (batch := queue.pop() if queue else None) is not None:
    opt.zero_grad()  # clear
    (loss := F.mse_loss(m(batch), batch)).backward()
    opt.step()
""",
    "match": """\
m = nn.Linear(2, 2)
match args.opt:
    case "sgd":
        opt = torch.optim.SGD(m.parameters(), lr=0.1)
    case _:
        opt = torch.optim.Adam(m.parameters())
for x, y in loader:
    opt.zero_grad()  # clear
    F.mse_loss(m(x), y).backward()
    opt.step()
""",
    "for_else": """\
m = nn.Linear(2, 2)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
for epoch in range(5):
    for x, y in loader:
        F.mse_loss(m(x), y).backward()
        if x.isnan().any():
            break
        opt.step()
        opt.zero_grad()  # clear
    else:
        print("done")
""",
    "try_finally": """\
m = nn.Linear(2, 2)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
for x, y in loader:
    try:
        F.mse_loss(m(x), y).backward()
        opt.step()
    finally:
        opt.zero_grad()  # clear
""",
    "mixin": """\
class ClearMixin:
    def clear(self):
        self.optimizer.zero_grad()  # clear
        pass
class Base:
    def __init__(self, model):
        self.model = model
        self.optimizer = self.configure()
    def configure(self):
        return torch.optim.SGD(self.model.parameters(), lr=0.1)
    def run(self, loader):
        for x, y in loader:
            self.clear()
            self.step(x, y)
class Trainer(ClearMixin, Base):
    def step(self, x, y):
        F.mse_loss(self.model(x), y).backward()
        self.optimizer.step()
Trainer(nn.Linear(2, 2)).run(loader)
""",
    "property": """\
class T:
    def __init__(self):
        self.m = nn.Linear(2, 2)
        self._opt = torch.optim.SGD(self.m.parameters(), lr=0.1)
    @property
    def opt(self):
        return self._opt
    def fit(self, loader):
        for x, y in loader:
            self.opt.zero_grad()  # clear
            F.mse_loss(self.m(x), y).backward()
            self.opt.step()
T().fit(loader)
""",
    "list_opts": """\
ms = [nn.Linear(2, 2) for _ in range(3)]
opts = [torch.optim.SGD(m.parameters(), lr=0.1) for m in ms]
for x, y in loader:
    for m, opt in zip(ms, opts):
        opt.zero_grad()  # clear
        F.mse_loss(m(x), y).backward()
        opt.step()
""",
    "dict_opts": """\
nets = {"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)}
opts = {k: torch.optim.SGD(n.parameters(), lr=0.1) for k, n in nets.items()}
for x, y in loader:
    for o in opts.values(): o.zero_grad()  # clear
    sum(F.mse_loss(n(x), y) for n in nets.values()).backward()
    for o in opts.values():
        o.step()
""",
    "dict_opts_comp": """\
nets = {"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)}
opts = {k: torch.optim.SGD(n.parameters(), lr=0.1) for k, n in nets.items()}
for x, y in loader:
    [o.zero_grad() for o in opts.values()]  # clear
    loss = 0
    for k in nets:
        loss = loss + F.mse_loss(nets[k](x), y)
    loss.backward()
    for k in opts:
        opts[k].step()
""",
    "partial_step": """\
m = nn.Linear(2, 2)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
def step(opt, x, y):
    opt.zero_grad()  # clear
    F.mse_loss(m(x), y).backward()
    opt.step()
do = partial(step, opt)
for x, y in loader:
    do(x, y)
""",
    "nested": """\
def main():
    m = nn.Linear(2, 2)
    opt = torch.optim.SGD(m.parameters(), lr=0.1)
    def step(x, y):
        opt.zero_grad()  # clear
        F.mse_loss(m(x), y).backward()
        opt.step()
    for x, y in loader:
        step(x, y)
main()
""",
    "self_loss": """\
class T:
    def __init__(self):
        self.m = nn.Linear(2, 2)
        self.opt = torch.optim.SGD(self.m.parameters(), lr=0.1)
    def forward(self, x, y):
        self.loss = F.mse_loss(self.m(x), y)
    def backward(self):
        self.loss.backward()
    def optimize(self, x, y):
        self.forward(x, y)
        self.opt.zero_grad()  # clear
        self.backward()
        self.opt.step()
t = T()
for x, y in loader:
    t.optimize(x, y)
""",
    "callbacks": """\
class Cb:
    def on_batch_start(self, tr):
        tr.opt.zero_grad()  # clear

    def on_batch_end(self, tr):
        tr.opt.step()

class Tr:
    def __init__(self, m, cbs):
        self.m = m
        self.opt = torch.optim.SGD(m.parameters(), lr=0.1)
        self.cbs = cbs
    def fit(self, loader):
        for x, y in loader:
            for cb in self.cbs: cb.on_batch_start(self)
            F.mse_loss(self.m(x), y).backward()
            for cb in self.cbs: cb.on_batch_end(self)
Tr(nn.Linear(2, 2), [Cb()]).fit(loader)
""",
    "star_import": """\
m = nn.Linear(2, 2)
opt = SGD(m.parameters(), lr=0.1)
for x, y in loader:
    opt.zero_grad()  # clear
    F.mse_loss(m(x), y).backward()
    opt.step()
""",
    "decorated_class": """\
def timed(f):
    @wraps(f)
    def inner(*a, **k):
        return f(*a, **k)
    return inner
m = nn.Linear(2, 2)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
@timed
def step(x, y):
    opt.zero_grad()  # clear
    F.mse_loss(m(x), y).backward()
    opt.step()
for x, y in loader:
    step(x, y)
""",
}


def without_clear(program: str) -> str:
    lines = program.splitlines()
    return "\n".join(line[: len(line) - len(line.lstrip())] + "pass" if line.endswith("# clear") else line for line in lines)


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_clear_is_seen(name: str) -> None:
    text = HEAD + SPELLINGS[name]
    assert [finding.message for finding in report(text).findings] == []
    seen = execute(text)
    assert seen.error is None, seen.error
    assert seen.steps
    assert not any(step.stale for step in seen.steps)


@pytest.mark.parametrize("name", SPELLINGS)
def test_its_absence_is_seen(name: str) -> None:
    text = HEAD + without_clear(SPELLINGS[name])
    (finding,) = report(text).findings
    assert finding.code == "TRN101"
    assert any(step.stale for step in execute(text).steps_at(finding.span.start.line))


LOOKED_AT = """
import torch

model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model(torch.ones(1, 1)).sum().backward()
assert {test}
optimizer.zero_grad()
"""


@pytest.mark.parametrize(
    ("test", "codes"), [("(model.weight.grad != 0).any()", []), ("model.weight.grad is not None", ["TRN104"])]
)
def test_gradients_that_are_compared_are_used(test: str, codes: list[str]) -> None:
    assert [finding.code for finding in report(LOOKED_AT.format(test=test)).findings] == codes
