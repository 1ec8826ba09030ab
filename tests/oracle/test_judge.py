"""The judge and the verdict on programs whose outcome is known by hand, and on claims that are known to be wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from trainlint.finding import Confidence, Finding, Severity
from trainlint.source.text import Position, Span

from tests.oracle.compare import judged
from tests.oracle.expect import Verdict, agree, expect
from tests.oracle.generate import Program, programs
from tests.oracle.instrument import Compiled
from tests.oracle.judge import SHIFT, Backward, Clear, Judge, JudgeError, Run, Situation, Step
from tests.oracle.precise import Precise
from tests.oracle.programs import SCALE

HEAD = """\
import random, sys, torch
from torch import nn
class TwoWeights(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
    def forward(self, x):
        return self.weight * x
epochs, batches = map(int, sys.argv[1:3])
x, y = torch.tensor([2.0, 6.0]), torch.tensor([-1e18, -1e18])
loader = [(x, y)] * batches
model, criterion = TwoWeights(), nn.L1Loss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
"""
FIRST = HEAD.count("\n") + 1


@pytest.fixture
def judge() -> Iterator[Judge]:
    with Judge().session() as judge:
        yield judge


def verdict(judge: Judge, body: str, *situations: Situation) -> Verdict:
    compiled = Compiled(HEAD + body)
    return expect([judge.run(compiled, s) for s in situations or (Situation(),)], compiled.broken)


def claims(verdict: Verdict) -> set[tuple[int, str]]:
    """The claims without a choice, lines counted from the first of the body."""
    return {(line - FIRST, code) for group in verdict.must for line, code in group if len(group) == 1}


def run(judge: Judge, body: str) -> Run:
    return judge.run(Compiled(HEAD + body), Situation())


GOOD = """\
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
"""


def test_a_right_loop_applies_every_gradient_once(judge: Judge) -> None:
    done = run(judge, GOOD)
    steps = [event for event in done.events if isinstance(event, Step)]
    assert [sorted(step.fresh) for step in steps] == [[(0, 0)], [(0, 1)], [(0, 2)], [(0, 3)]]
    assert not any(step.stale for step in steps)
    assert done.left == {(0, 3)}
    assert [turn.number for step in steps for turn in step.turns] == [1, 2, 3, 4]


def test_without_a_clear_each_step_applies_all_that_came_before(judge: Judge) -> None:
    done = run(judge, GOOD.replace("    optimizer.zero_grad()\n", ""))
    steps = [event for event in done.events if isinstance(event, Step)]
    assert [len(step.stale) for step in steps] == [0, 1, 2, 3]
    assert all(len(step.fresh) == 1 for step in steps)


@pytest.mark.parametrize(
    "clear",
    [
        "optimizer.zero_grad()",
        "optimizer.zero_grad(set_to_none=False)",
        "model.zero_grad()",
        "for p in model.parameters(): p.grad = None",
        "for p in model.parameters(): p.grad.zero_()",
    ],
)
def test_every_spelling_of_a_clear_is_seen_where_it_stands(judge: Judge, clear: str) -> None:
    done = run(judge, f"criterion(model(x), y).backward()\n{clear}\noptimizer.step()\n")
    backward, cleared, step = done.events
    assert isinstance(backward, Backward) and backward.reached == {0}
    assert isinstance(cleared, Clear) and cleared.discarded == {(0, 0)} and cleared.line == FIRST + 1
    assert isinstance(step, Step) and step.nothing


def test_a_backward_reaches_what_its_loss_depends_on(judge: Judge) -> None:
    body = """\
other = TwoWeights()
both = torch.optim.SGD(other.parameters(), lr=1e-3)
criterion(other(x), y).backward()
(criterion(other(x), y) + criterion(model(x), y)).backward()
criterion(other(x) + model(x).detach(), y).backward()
"""
    reached = [event.reached for event in run(judge, body).events if isinstance(event, Backward)]
    assert reached == [{1}, {0, 1}, {1}]


def test_a_step_with_a_closure_applies_what_the_closure_left(judge: Judge) -> None:
    body = """\
def closure():
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    return loss
optimizer.step(closure)
"""
    _, backward, step = run(judge, body).events
    assert backward.place == (FIRST + 3, FIRST + 5)
    assert isinstance(step, Step) and step.fresh == {(0, 0)} and step.line == FIRST + 5


def test_events_in_a_function_know_the_loop_of_the_call(judge: Judge) -> None:
    body = """\
def update():
    criterion(model(x), y).backward()
for x, y in loader:
    update()
"""
    events = run(judge, body).events
    assert [(event.line, event.turns[0].loop, event.turns[0].number) for event in events] == [
        (FIRST + 1, FIRST + 2, number) for number in (1, 2, 3, 4)
    ]


def test_chance_and_failure_follow_the_situation(judge: Judge) -> None:
    body = """\
for x, y in loader:
    try:
        if random.random() < 0.5:
            optimizer.zero_grad()
        criterion(model(x), y).backward()
    except RuntimeError:
        optimizer.step()
"""
    done = judge.run(Compiled(HEAD + body), Situation(coin="01", failures="0010"))
    assert [type(event).__name__ for event in done.events] == [
        "Backward", "Clear", "Backward", "Step", "Clear", "Backward",
    ]  # fmt: skip


def test_numbers_that_do_not_add_up_are_refused(judge: Judge) -> None:
    with pytest.raises(JudgeError, match="no sum"):
        run(judge, "(criterion(model(x), y) * 0.5).backward()\n")
    with pytest.raises(JudgeError, match="did not move"):
        run(
            judge,
            "optimizer.param_groups[0]['lr'] = 0.0\ncriterion(model(x), y).backward()\noptimizer.step()\n",
        )
    with pytest.raises(JudgeError, match="by hand"):
        run(judge, "model.weight.grad = torch.ones(2)\n")
    with pytest.raises(JudgeError, match="does not end"):
        run(judge, "while True:\n    pass\n")


def test_torch_is_itself_again_after_a_session() -> None:
    before = (
        torch.autograd.backward,
        torch.optim.Optimizer.zero_grad,
        torch.Tensor.zero_,
        random.random,
        torch.isfinite,
    )
    dtype = torch.get_default_dtype()
    with Judge().session() as judge:
        run(judge, GOOD)
        assert torch.autograd.backward is not before[0]
    after = (
        torch.autograd.backward,
        torch.optim.Optimizer.zero_grad,
        torch.Tensor.zero_,
        random.random,
        torch.isfinite,
    )
    assert after == before
    assert "grad" not in vars(nn.Parameter)
    assert torch.get_default_dtype() == dtype


KNOWN = {
    "clean": (GOOD, set()),
    "no clear": (GOOD.replace("optimizer.zero_grad()", "pass"), {(3, "TRN101")}),
    "a clear under a condition": (
        GOOD.replace("    opt", "    if random.random() < 0.5:\n        opt", 1),
        set(),
    ),
    "a clear before the loop": (
        "optimizer.zero_grad()\n" + GOOD.replace("optimizer.zero_grad()", "pass"),
        {(4, "TRN101")},
    ),
    "cleared before the step": (
        GOOD.replace("    optimizer.step()", "    optimizer.zero_grad()\n    optimizer.step()"),
        {(4, "TRN103")},
    ),
    "no step": (GOOD.replace("optimizer.step()", "pass"), {(2, "TRN104")}),
    "no backward": (GOOD.replace(".backward()", ""), {(3, "TRN105")}),
    "the step first": (
        "for x, y in loader:\n    optimizer.zero_grad()\n    optimizer.step()\n    criterion(model(x), y).backward()\n",
        {(2, "TRN106")},
    ),
    "the step first, cleared at the end": (
        "for x, y in loader:\n    optimizer.step()\n    criterion(model(x), y).backward()\n    optimizer.zero_grad()\n",
        {(1, "TRN106")},
    ),
    "pipelined": (
        "for x, y in loader:\n    optimizer.step()\n    optimizer.zero_grad()\n    criterion(model(x), y).backward()\n",
        set(),
    ),
    "the step after the loop": (GOOD.replace("    optimizer.step()", "optimizer.step()"), {(3, "TRN107")}),
    "a full batch": (
        "for epoch in range(epochs):\n    optimizer.zero_grad()\n    for x, y in loader:\n"
        "        criterion(model(x), y).backward()\n    optimizer.step()\n",
        set(),
    ),
    "no clear around the epochs": (
        "for epoch in range(epochs):\n    for x, y in loader:\n        criterion(model(x), y).backward()\n    optimizer.step()\n",
        {(3, "TRN101")},
    ),
    "windows": (
        "for i, (x, y) in enumerate(loader):\n    if i % 2 == 0:\n        optimizer.zero_grad()\n"
        "    criterion(model(x), y).backward()\n    if (i + 1) % 2 == 0:\n        optimizer.step()\n",
        set(),
    ),
    "windows cleared before they are applied": (
        "for i, (x, y) in enumerate(loader):\n    criterion(model(x), y).backward()\n"
        "    if (i + 1) % 2 == 0:\n        optimizer.zero_grad()\n    if (i + 1) % 2 == 0:\n        optimizer.step()\n",
        {(5, "TRN103")},
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_verdict_on_a_known_program(judge: Judge, name: str) -> None:
    body, expected = KNOWN[name]
    found = verdict(judge, body, Situation(coin="1"), Situation(coin="0"))
    assert claims(found) == expected
    assert not found.free


def test_a_gradient_applied_twice_as_it_is_is_not_stale(judge: Judge) -> None:
    assert claims(verdict(judge, GOOD + "    optimizer.step()\n")) == set()


def test_a_break_may_make_the_step_after_the_loop_right(judge: Judge) -> None:
    body = GOOD.replace("    optimizer.step()", "    if random.random() < 0.5:\n        break\noptimizer.step()")
    found = verdict(judge, body, Situation(coin="0"), Situation(coin="1"))
    assert not found.must
    assert {code for _, code in found.may} == {"TRN107"}


def finding(line: int, code: str) -> Finding:
    place = Span(Position(line, 1), Position(line, 2))
    return Finding(code, code, Severity.ERROR, Confidence.CERTAIN, "", "program.py", place)


def test_agreement_needs_the_code_at_the_place_and_nothing_else(judge: Judge) -> None:
    text = HEAD + GOOD.replace("optimizer.zero_grad()", "pass")
    right = expect([judge.run(Compiled(text), Situation())])
    step = FIRST + 3
    assert agree(text, right, [finding(step, "TRN101")]) is None
    assert agree(text, right, [finding(step, "TRN101"), finding(step, "TRN999")]) is None
    wrong = {
        (): "missing alarm",
        ((step, "TRN101"), (step, "TRN105")): "false alarm",
        ((step - 1, "TRN101"),): "wrong place",
        ((step, "TRN103"),): "missing alarm",
        ((step, "TRN101"), (step - 1, "TRN104")): "false alarm",
    }
    for said, kind in wrong.items():
        disagreement = agree(text, right, [finding(*claim) for claim in said])
        assert disagreement is not None, said
        assert disagreement.kind == kind
        assert "optimizer.step()" in str(disagreement)


def test_a_choice_of_codes_is_one_choice() -> None:
    choice = Verdict(frozenset({frozenset({(1, "TRN103"), (1, "TRN106")})}))
    assert choice.free
    assert agree("step()", choice, [finding(1, "TRN106")]) is None
    assert agree("step()", choice, [finding(1, "TRN106"), finding(1, "TRN103")]) is not None
    assert agree("step()", choice, []) is not None


def sample(every: int) -> list[Program]:
    return [program for number, program in enumerate(programs()) if number % every == 7]


def test_every_mutation_of_a_verdict_is_caught(judge: Judge) -> None:
    """A claim left out, moved by a line, or turned into another code, for programs of every family."""
    mutations = 0
    for program in sample(199):
        right = judged(judge, program)
        said = {sorted(group)[0] for group in right.must}
        assert agree(program.text, right, [finding(*claim) for claim in said]) is None
        for claim in said:
            others = said - {claim}
            for wrong in (None, (claim[0] + 1000, claim[1]), (claim[0], "TRN402")):
                mutant = others | ({wrong} if wrong else set())
                group = next(group for group in right.must if claim in group)
                if not group & mutant:
                    assert agree(program.text, right, [finding(*c) for c in mutant]) is not None
                    mutations += 1
    assert mutations > 150


def test_more_situations_do_not_change_a_verdict(judge: Judge) -> None:
    """The situations that programs are run in stand for all: with many more the verdict is the same."""
    for program in sample(1301):
        most = SHIFT if "GradScaler" in program.text else 8
        sizes = [(epochs, batches) for epochs in range(4) for batches in range(6) if epochs * batches <= most]
        compiled = Compiled(program.text)
        reading = program.readings[0]
        more = [
            Situation(epochs, batches, warmup, coin, first.failures, first.fallible)
            for first in reading[:1]
            for epochs, batches in sizes
            for warmup in {situation.warmup for situation in reading}
            for coin in ("1", "0", "10", "01", "100", "011", "1100", "0011", "101100")
        ]
        few = expect([judge.run(compiled, situation) for situation in reading], compiled.broken)
        many = expect([judge.run(compiled, s) for s in (*reading, *more)], compiled.broken)
        assert few == many, program.text


def precise(judge: Judge, body: str) -> set[tuple[int, str]]:
    """What must be said of scaling, clipping and schedules, lines counted from the first of the body."""
    text = HEAD + f'scaler = torch.amp.GradScaler("cpu", init_scale={SCALE})\n' + body
    runs = [judge.run(Compiled(text), Situation(1, 3))]
    found = Precise(text, runs, expect(runs).codes)
    return {(line - FIRST - 1, code) for group in found.must for line, code in group}


IN_ORDER = """\
for x, y in loader:
    optimizer.zero_grad()
    scaler.scale(criterion(model(x), y)).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", set()),
        ("    scaler.unscale_(optimizer)\n", "", {(3, "TRN801")}),
        ("scaler.step(optimizer)", "optimizer.step()", set()),
        ("    scaler.update()\n", "", {(3, "TRN803"), (5, "TRN803")}),
        ("    scaler.update()\n", "    optimizer.step()\n    scaler.update()\n", {(6, "TRN802")}),
        ("scaler.scale(criterion(model(x), y))", "criterion(model(x), y)", {(5, "TRN803")}),
    ],
)
def test_scaling_is_judged_by_the_numbers(judge: Judge, old: str, new: str, expected: set[tuple[int, str]]) -> None:
    assert precise(judge, IN_ORDER.replace(old, new, 1)) == expected


def test_scaled_gradients_applied_as_they_are(judge: Judge) -> None:
    body = IN_ORDER.replace("    scaler.unscale_(optimizer)\n", "").replace("scaler.step(optimizer)", "optimizer.step()")
    assert (4, "TRN802") in precise(judge, body)
