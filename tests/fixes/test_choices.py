"""Which value is differentiated, and which optimizer holds a part: where the likely one is the wrong one, none is offered."""

from __future__ import annotations

import pytest

from tests.rules.cases import report
from tests.rules.mending import held

HEAD = """\
import torch
from torch import nn

net, other = nn.Linear(3, 1), nn.Linear(3, 1)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
data = list(torch.randn(8, 4, 3))
"""
CASES = {
    "what is computed without a graph is no loss": (
        """\
for x in data:
    with torch.no_grad():
        approx_kl = net(x).mean()
    loss = net(x).square().mean()
    loss.backward()
    opt.zero_grad()
    opt.step()
    print(approx_kl)
""",
        ["Move `opt.zero_grad()` before the backward"],
    ),
    "what is computed before the backward waits for none of its own": (
        """\
for x in data:
    kl = net(x).abs().mean()
    loss = net(x).square().mean() + kl
    aux_loss = net(x).mean()
    loss.backward()
    opt.zero_grad()
    opt.step()
    print(aux_loss.item())
""",
        ["Move `opt.zero_grad()` before the backward"],
    ),
    "a count is no loss": (
        """\
trained = sum(1 for p in net.parameters() if p.requires_grad)
for x in data:
    net(x)
    opt.step()
print(trained)
""",
        [],
    ),
    "what is computed in front of a loop is differentiated once": (
        """\
start_loss = net(data[0]).square().mean()
for x in data:
    opt.zero_grad()
    net(x)
    opt.step()
print(start_loss)
""",
        [],
    ),
    "a criterion that is put somewhere is no loss": (
        """\
criterion_content = nn.L1Loss().to("cpu")
for x in data:
    opt.zero_grad()
    y = net(x)
    opt.step()
""",
        [],
    ),
    "where a backward serves the step, another one helps as little": (
        """\
def make():
    return other


for x in data:
    opt.zero_grad()
    loss = make()(x).square().mean()
    mean = net(x).mean()
    loss.backward()
    opt.step()
    print(mean)
""",
        [],
    ),
    "a closure that has its backward gets no second one": (
        """\
search = torch.optim.LBFGS(other.parameters())


def closure():
    search.zero_grad()
    loss = net(data[0]).square().mean()
    loss.backward()
    return loss


search.step(closure)
""",
        [],
    ),
    "a step whose loss is there already is moved behind the backward": (
        """\
def penalty(net, x):
    return net(x).square().mean()


for x in data:
    d_loss = net(x).mean()
    opt.zero_grad()
    gradient_penalty = penalty(net, x)
    opt.step()
    gradient_penalty.backward()
    print(d_loss.item())
""",
        ["Move `opt.step()` after the backward"],
    ),
    "a part is not given to an optimizer when another has its name": (
        """\
gen, disc = nn.Linear(3, 3), nn.Linear(3, 1)
opt_gen = torch.optim.Adam(gen.parameters(), lr=1e-3)
opt_disc = torch.optim.Adam(net.parameters(), lr=1e-3)
for x in data:
    opt_gen.zero_grad()
    loss = disc(gen(x)).square().mean()
    loss.backward()
    opt_gen.step()
""",
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_offered(name: str) -> None:
    text, titles = CASES[name]
    findings = report(HEAD + text).findings
    assert findings
    offered = [fix.title.removesuffix(" (changes training)") for finding in findings for fix in finding.fixes]
    assert offered == titles
    held(HEAD + text)
