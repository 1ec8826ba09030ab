"""A call is taken out of a correct loop; the first fix that is offered puts it back where it stood."""

from __future__ import annotations

import pytest
from trainlint.fixes.apply import apply_edits
from trainlint.fixes.resolve import resolved

from tests.rules.cases import report

GAN = """\
import torch
from torch import nn

G, D = nn.Linear(4, 4), nn.Linear(4, 1)
optimizer_G = torch.optim.Adam(G.parameters(), lr=2e-4)
optimizer_D = torch.optim.Adam(D.parameters(), lr=2e-4)
bce = nn.BCEWithLogitsLoss()
for real in torch.randn(5, 8, 4):
    fake = G(torch.randn(8, 4))
    g_loss = bce(D(fake), torch.ones(8, 1))
    optimizer_G.zero_grad()
    g_loss.backward()
    optimizer_G.step()

    real_loss = bce(D(real), torch.ones(8, 1))
    fake_loss = bce(D(fake.detach()), torch.zeros(8, 1))
    d_loss = (real_loss + fake_loss) / 2
    optimizer_D.zero_grad()
    d_loss.backward()
    optimizer_D.step()
"""

GATHERED = """\
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = iter(torch.randn(50, 8, 4))
for step in range(10):
    optimizer.zero_grad()
    for _ in range(4):
        loss = model(next(loader)).square().mean()
        loss = loss / 4
        loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
"""

SCHEDULED = """\
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
lr_scheduler = StepLR(optimizer, 10)
for i, x in enumerate(torch.randn(20, 8, 4)):
    loss = model(x).square().mean() / 4
    loss.backward()
    if (i + 1) % 4 == 0:
        optimizer.step()
        lr_scheduler.step()
        optimizer.zero_grad()
"""

SCALED = """\
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu")
for x in torch.randn(20, 8, 4):
    with torch.autocast("cpu"):
        loss = model(x).square().mean()
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
"""

SCALED_BY_A_CONTEXT = """\
import torch
from apex import amp
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model, optimizer = amp.initialize(model, optimizer)
for x in torch.randn(20, 8, 4):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    with amp.scale_loss(loss, optimizer) as scaled_loss:
        scaled_loss.backward()
        nn.utils.clip_grad_norm_(amp.master_params(optimizer), 1.0)
    optimizer.step()
"""

METHODS = (".zero_grad()", ".backward()", "optimizer.step()", "optimizer_G.step()", "optimizer_D.step()", "scaler.step(")
PROGRAMS = {
    "two networks": GAN,
    "gathered": GATHERED,
    "scheduled": SCHEDULED,
    "scaled": SCALED,
    "scaled by a context": SCALED_BY_A_CONTEXT,
}
PROGRAMS["a loss in capitals"] = GAN.replace("bce", "BCE_loss")
DELETIONS = [
    pytest.param(text, number, id=f"{name}: {line.strip()}")
    for name, text in PROGRAMS.items()
    for number, line in enumerate(text.splitlines())
    if any(method in line for method in METHODS)
]


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS)
def test_the_whole_program_is_correct(text: str) -> None:
    assert report(text).findings == ()


@pytest.mark.parametrize(("text", "number"), DELETIONS)
def test_the_first_fix_puts_it_back(text: str, number: int) -> None:
    lines = text.splitlines(keepends=True)
    broken = "".join(lines[:number] + lines[number + 1 :])
    fixes = [fix for finding in report(broken).findings for fix in finding.fixes]
    assert fixes, broken
    assert apply_edits(broken, resolved(fixes[0], broken).edits or ()) == text, fixes[0].title
