"""Calls that one arm of a condition lacks, and calls of objects that an optimizer is wrapped in."""

from __future__ import annotations

import pytest

from tests.fixes.test_spellings import broken, correct, first_fix
from tests.rules.cases import report
from tests.rules.execution import execute
from tests.rules.mending import held
from tests.rules.variants import VARIANTS, Variant

EITHER = """

for mixed in map(bool, torch.tensor([0, 1])):
    train(mixed)
"""
SCALED = """\
def train(mixed):
    scaler = torch.amp.GradScaler("cpu")
    for x in loader:
        opt.zero_grad()
        loss = model(x).square().mean()
        if mixed:
            {scaled}
        else:
            {plain}
        if mixed:
            scaler.unscale_(opt)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
{step}            scaler.update()
        else:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
{other}"""
SCALED_BACKWARD, BACKWARD = "scaler.scale(loss).backward()", "loss.backward()"
SCALED_STEP, STEP = "            scaler.step(opt)\n", "            opt.step()\n"
WRAPPED = """\
class Warmup:
    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.turn = 0

    def step(self):
        self.turn += 1
        for group in self.optimizer.param_groups:
            group["lr"] = min(0.01, 0.001 * self.turn)
        self.optimizer.step()

    def zero_grad(self):
        self.optimizer.zero_grad()


warmup = Warmup(opt)
for x in loader:
{clear}    loss = model(x).square().mean()
{backward}{step}"""
RENAMED = """\
class Scheduled:
    def __init__(self, optimizer):
        self._optimizer = optimizer

    def step_and_update(self):
        self._optimizer.step()


scheduled = Scheduled(opt)
for x in loader:
    loss = model(x).square().mean()
{clear}{backward}    scheduled.step_and_update()
"""
MISSING = {
    "a scaled backward": SCALED.format(
        scaled=f"«{SCALED_BACKWARD}»▸pass◂", plain=BACKWARD, step=SCALED_STEP, other=STEP
    ) + EITHER,
    "a plain backward": SCALED.format(scaled=SCALED_BACKWARD, plain=f"«{BACKWARD}»▸pass◂", step=SCALED_STEP, other=STEP) + EITHER,
    "a scaled step": SCALED.format(scaled=SCALED_BACKWARD, plain=BACKWARD, step=f"«{SCALED_STEP}»", other=STEP) + EITHER,
    "a plain step": SCALED.format(scaled=SCALED_BACKWARD, plain=BACKWARD, step=SCALED_STEP, other=f"«{STEP}»") + EITHER,
    "what a scaler made of the loss": """\
def train(mixed):
    scaler = torch.amp.GradScaler("cpu")
    for x in loader:
        opt.zero_grad()
        loss = model(x).square().mean()
        if mixed:
            scaled = scaler.scale(loss)
«            scaled.backward()
»            scaler.unscale_(opt)
        else:
            loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        if mixed:
            scaler.update()
""" + EITHER,
    "a loss of its own": """\
def train(mixed):
    for x in loader:
        opt.zero_grad()
        if mixed:
            first = model(x).square().mean()
            first.backward()
        else:
            loss = model(x).abs().mean()
            print(loss.item())
«            loss.backward()
»        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
""" + EITHER,
    "a step between others' work": """\
def train(mixed):
    for x in loader:
        opt.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        if mixed:
            opt.step()
        else:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
«            opt.step()
»            print(loss.item())
""" + EITHER,
    "a backward in front of two steps": """\
def train(mixed):
    for x in loader:
        opt.zero_grad()
        loss = model(x).square().mean()
«        loss.backward()
»        if mixed:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
        else:
            opt.step()
""" + EITHER,
    "a clear of one arm": """\
def train(mixed):
    for x in loader:
        loss = model(x).square().mean()
        if mixed:
            opt.zero_grad(set_to_none=False)
        else:
            «opt.zero_grad()»▸pass◂
        loss.backward()
        opt.step()
""" + EITHER,
    "a wrapper's clear": WRAPPED.format(
        clear="", backward="«    warmup.zero_grad()\n»    loss.backward()\n", step="    warmup.step()\n"
    ),
    "a backward beside a wrapper": WRAPPED.format(
        clear="    warmup.zero_grad()\n", backward="«    loss.backward()\n»", step="    warmup.step()\n"
    ),
    "a wrapper's step": WRAPPED.format(
        clear="    warmup.zero_grad()\n", backward="    loss.backward()\n", step="«    warmup.step()\n»"
    ),
    "a clear that a wrapper lacks": RENAMED.format(
        clear="«    scheduled._optimizer.zero_grad()\n»", backward="    loss.backward()\n"
    ),
    "a backward beside a method of another name": RENAMED.format(
        clear="    opt.zero_grad()\n", backward="«    loss.backward()\n»"
    ),
    "what a flag brings along": """\
flag = bool(torch.rand(()) < 2)
if flag:
    extra = nn.Linear(3, 1)
    opt_extra = torch.optim.SGD(extra.parameters(), lr=0.01)
for x in loader:
    opt.zero_grad()
    if flag:
        opt_extra.zero_grad()
        loss = (model(x) + extra(x)).square().mean()
    else:
        loss = model(x).square().mean()
    loss.backward()
    opt.step()
    if flag:
        «opt_extra.step()»▸pass◂
""",
    "what a flag clears": """\
flag = bool(torch.rand(()) < 2)
if flag:
    extra = nn.Linear(3, 1)
    opt_extra = torch.optim.SGD(extra.parameters(), lr=0.01)
for x in loader:
    opt.zero_grad()
    if flag:
«        opt_extra.zero_grad()
»        loss = (model(x) + extra(x)).square().mean()
    else:
        loss = model(x).square().mean()
    loss.backward()
    opt.step()
    if flag:
        opt_extra.step()
""",
    "a clear in front of two arms": """\
def train(mixed):
    for x in loader:
        loss = model(x).square().mean()
«        opt.zero_grad()
»        if mixed:
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
        else:
            loss.backward()
            opt.step()
""" + EITHER,
    "what only the other arm tells": """\
def train(mixed):
    for x in loader:
        opt.zero_grad()
        if mixed:
            value = model(x).square().sum().relu()
            value.backward()
            opt.step()
        else:
            value = model(x).abs().sum().relu()
«            value.backward()
»            opt.step()
""" + EITHER,
    "an error that is only looked at": """\
for x in loader:
    opt.zero_grad()
    loss = model(x).square().mean()
    error = model(x).abs().mean()
«    loss.backward()
»    opt.step()
    print(error.item())
""",
    "parts that wait side by side": """\
for x in loader:
    opt.zero_grad()
    size_loss = model(x).abs().mean()
    shape_loss = model(x).square().mean()
«    (size_loss + shape_loss).backward()
»    opt.step()
    print(size_loss.item(), shape_loss.item())
""",
    "a sum that begins with a number": """\
for x in loader:
    loss = 0.0
    loss += model(x).abs().mean()
    loss = loss + model(x).square().mean()
    opt.zero_grad()
«    loss.backward()
»    opt.step()
""",
    "the first of two backwards": """\
for x in loader:
    opt.zero_grad()
    size = model(x).abs().mean()
«    size.backward()
»    shape = model(x).square().mean()
    shape.backward()
    loss = size + shape
    print(loss.item())
    opt.step()
""",
    "a method that clears for two": """\
class Solver(object):
    def __init__(self):
        self.critic, self.maker = nn.Linear(3, 1), nn.Linear(3, 3)
        self.critic_opt = torch.optim.SGD(self.critic.parameters(), lr=0.01)
        self.maker_opt = torch.optim.SGD(self.maker.parameters(), lr=0.01)

    def reset(self):
        self.critic_opt.zero_grad()
        self.maker_opt.zero_grad()

    def train(self):
        for x in loader:
            critic_loss = self.critic(self.maker(x).detach()).square().mean()
            self.reset()
            critic_loss.backward()
«            self.critic_opt.step()
»            maker_loss = -self.critic(self.maker(x)).mean()
            self.reset()
            maker_loss.backward()
            self.maker_opt.step()


Solver().train()
""",
}  # fmt: skip


@pytest.mark.parametrize("name", MISSING)
def test_the_call_comes_to_stand_where_it_stood(name: str) -> None:
    assert report(correct(MISSING[name])).findings == ()
    held(broken(MISSING[name]))
    assert first_fix(broken(MISSING[name])) == correct(MISSING[name])


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
@pytest.mark.parametrize("name", MISSING)
def test_in_every_way_of_writing(name: str, variant: Variant) -> None:
    text = variant(broken(MISSING[name]))
    held(text)
    assert report(first_fix(text)).findings == ()


@pytest.mark.parametrize("name", MISSING)
def test_the_mended_program_does_what_the_correct_one_does(name: str) -> None:
    mended, right = execute(first_fix(broken(MISSING[name]))), execute(correct(MISSING[name]))
    assert mended.error is None and right.error is None
    assert mended.events == right.events
    assert mended.fingerprint() == right.fingerprint()
    assert mended.steps and not any(step.nothing or step.stale for step in mended.steps)
