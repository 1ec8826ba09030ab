"""Calls that are missing or misplaced in code as people write it: on one line, in parts, nested, decorated, commented."""

from __future__ import annotations

import pytest
from trainlint.fixes.apply import apply_edits
from trainlint.fixes.resolve import resolved

from tests.rules.cases import report
from tests.rules.execution import execute
from tests.rules.mending import held
from tests.rules.variants import VARIANTS, Variant, continued

HEAD = """\
import functools
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
loader = list(torch.randn(8, 4, 3))


"""
# What stands between « and » is missing in the broken program; ▸ and ◂ are where it stands there instead.
SPELLINGS = {
    "a loop on one line": "for x in loader: loss = model(x).square().mean(); «opt.zero_grad(); »loss.backward(); opt.step()\n",
    "a condition on one line": """\
for i, x in enumerate(loader):
    loss = model(x).square().mean() / 4
    loss.backward()
    if (i + 1) % 4 == 0: «opt.step(); »opt.zero_grad()
""",
    "semicolons": """\
for x in loader:
    loss = model(x).square().mean()
    opt.zero_grad(); «loss.backward(); »opt.step()
""",
    "continued lines": """\
for x in loader:
    loss = model(x) \\
        .square() \\
        .mean()
«    opt.zero_grad()
»    loss \\
        .backward()
    opt \\
        .step()
""",
    "a loss divided in its place": """\
for x in loader:
    opt.zero_grad()
    loss = model(x).square().sum()
    loss /= len(x)
    shown = loss.data.item()
    if shown != shown:
        raise ValueError("the loss is nan")
«    loss.backward()
»    opt.step()
""",
    "a nested function": """\
def main():
    def train(loader):
        for x in loader:
            loss = model(x).square().mean()
            opt.zero_grad()
            loss.backward()
«            opt.step()
»
    train(loader)


main()
""",
    "a decorated function": """\
def timed(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper


@timed
def train(loader):
    for x in loader:
        loss = model(x).square().mean()
«        opt.zero_grad()
»        loss.backward()
        opt.step()


train(loader)
""",
    "the body of a class": """\
class Experiment:
    rate = 0.01; batches = loader

    @staticmethod
    @functools.lru_cache(maxsize=None)
    def run(turns=1):
        opt = torch.optim.SGD(model.parameters(), lr=Experiment.rate)
        for x in loader * turns:
            loss = model(x).square().mean()
«            opt.zero_grad()
»            loss.backward()
            opt.step()

    run_once = run


Experiment.run()
""",
    "a method": """\
class Trainer:
    \"\"\"Calls `opt.zero_grad()` and 'opt.step()'.\"\"\"

    def __init__(self, model, opt):
        self.model, self.opt = model, opt

    def fit(self, loader):
        for x in loader:
            loss = self.model(x).square().mean()
            self.opt.zero_grad()
«            loss.backward()
»            self.opt.step()


Trainer(model, opt).fit(loader)
""",
    "strings that look like code": """\
for x in loader:
    loss = model(x).square().mean()
    note = "loss.backward() # opt.step()"; quoted = 'it\\'s "opt.zero_grad()"'
    doc = \"\"\"
    opt.zero_grad()
    \"\"\"
«    opt.zero_grad()
»    loss.backward()
    opt.step()
    print(f"{loss.item():.3f} # {note!r}", quoted, doc)
""",
    "a comment of its own": """\
for x in loader:
    loss = model(x).square().mean()

«    opt.zero_grad()

»    # the chain rule
    loss.backward()

    # downhill
    opt.step()
""",
    "a comment of both": """\
for x in loader:
    loss = model(x).square().mean()
    # backward and step
«    opt.zero_grad()
»    loss.backward()
    opt.step()
""",
    "a comment of what follows": """\
for i, x in enumerate(loader):
    loss = model(x).square().mean() / 2
«    loss.backward()
»    # only every other time
    if i % 2 == 1:
        opt.step()
        opt.zero_grad()
""",
    "a comment of the step alone": """\
for x in loader:
    opt.zero_grad()
    loss = model(x).square().mean()
«    loss.backward()
»    # update the weights
    opt.step()
    print(loss.item())
""",
    "a comment that was left behind": """\
schedule = torch.optim.lr_scheduler.ExponentialLR(opt, 0.9)
for x in loader:
    opt.zero_grad()
    loss = model(x).square().mean()
    loss.backward()

    # update the weights
«    opt.step()
»    schedule.step()
""",
    "a comment of its own line": """\
for x in loader:
    loss = model(x).square().mean()
    # zero the gradients
«    opt.zero_grad()
»    # backpropagate
    loss.backward()
    opt.step()
""",
    "a paragraph that is moved": """\
for x in loader:
    opt.zero_grad()
    loss = model(x).square().mean()

▸    # downhill
    opt.step()

◂    # the chain rule
    loss.backward()
«    # downhill
    opt.step()
»
    print(loss.item())
""",
    "a loss that the condition of the step asks for": """\
for i, x in enumerate(loader):
    extra_loss = None
    if i % 2 == 0:
        extra_loss = model(x).square().mean()
    if extra_loss is not None:
        opt.zero_grad()
«        extra_loss.backward()
»        opt.step()
""",
    "gradients of the inputs": """\
for x in loader:
    delta = torch.zeros_like(x, requires_grad=True)
    attack = model(x + delta).square().mean()
    attack.backward()
    delta = delta.grad.sign() * 0.01
    loss = model(x + delta).square().mean()
«    opt.zero_grad()
»    loss.backward()
    opt.step()
""",
    "two ways to step": """\
scaler = torch.amp.GradScaler("cpu")
for i, x in enumerate(loader):
    loss = model(x).square().mean()
    if i % 2:
        scaler.scale(loss).backward()
    else:
        loss.backward()
    if i % 2:
        scaler.step(opt)
        scaler.update()
    else:
        opt.step()
«    opt.zero_grad()
»    print(loss.item())
""",
    "a scaler that is only updated": """\
scaler = torch.amp.GradScaler("cpu")
for x in loader:
    opt.zero_grad()
    loss = model(x).square().mean()
    scaler.scale(loss).backward()

    # downhill
    scaler.unscale_(opt)
«    scaler.step(opt)
»    scaler.update()
""",
    "a comment of the whole paragraph": """\
for x in loader:
    loss = model(x).square().mean()

    # compute the gradients and do a step
«    opt.zero_grad()
»    loss.backward()

    opt.step()
""",
    "moved with its comments": """\
for x in loader:
    opt.zero_grad()
    loss = model(x).square().mean()
▸    # downhill
    opt.step()  # with momentum
◂
    # the chain rule
    loss.backward()
«    # downhill
    opt.step()  # with momentum
»
    print(loss.item())
""",
    "emoji beside it": """\
for x in loader:
    loss = model(x).square().mean(); name = "🔥"; «opt.zero_grad(); »loss.backward(); opt.step()  # 🏋🏽‍♀️
""",
    "an empty line with spaces": """\
for x in loader:
    loss = model(x).square().mean()
    opt.zero_grad()
    \n«    loss.backward()
»    opt.step()
""",
}  # fmt: skip
ASYNC = """\
async def batches():
    for x in loader:
        yield x


async def train():
    async for x in batches():
        loss = model(x).square().mean()
        opt.zero_grad()
        loss.backward()
«        opt.step()
»

import asyncio
asyncio.run(train())
"""
SPELLINGS["async"] = ASYNC


def correct(text: str) -> str:
    start, end = text.find("▸"), text.find("◂")
    if start >= 0:
        text = text[:start] + text[end + 1 :]
    return HEAD + text.replace("«", "").replace("»", "")


def broken(text: str) -> str:
    start, end = text.index("«"), text.index("»")
    return HEAD + (text[:start] + text[end + 1 :]).replace("▸", "").replace("◂", "")


def first_fix(text: str) -> str:
    fixes = [fix for finding in report(text).findings for fix in finding.fixes]
    assert fixes, text
    return apply_edits(text, resolved(fixes[0], text).edits or ())


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_call_comes_to_stand_where_it_stood(name: str) -> None:
    assert report(correct(SPELLINGS[name])).findings == ()
    held(broken(SPELLINGS[name]))
    assert first_fix(broken(SPELLINGS[name])) == correct(SPELLINGS[name])


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
@pytest.mark.parametrize("name", SPELLINGS)
def test_in_every_way_of_writing(name: str, variant: Variant) -> None:
    text = variant(broken(SPELLINGS[name]))
    held(text)
    if variant is continued and "▸" in SPELLINGS[name]:
        assert not any(finding.fixes for finding in report(text).findings), "what takes several lines is not moved"
    else:
        assert report(first_fix(text)).findings == ()


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_mended_program_does_what_the_correct_one_does(name: str) -> None:
    """The same backwards reach the same parameters, and the same steps apply them, to the same weights."""
    mended, right = execute(first_fix(broken(SPELLINGS[name]))), execute(correct(SPELLINGS[name]))
    assert mended.error is None and right.error is None
    assert mended.events == right.events
    assert mended.fingerprint() == right.fingerprint()
    assert mended.steps and not any(step.nothing or step.stale for step in mended.steps)
