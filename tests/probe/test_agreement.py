"""The analysis and real runs on the same scripts: nothing that is wrong is withdrawn, and what a run can show is confirmed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from trainlint.agreement import agree
from trainlint.engine import check
from trainlint.finding import Finding, State
from trainlint.probe.verdict import ProbeReport
from trainlint.source.document import Document

from tests.probe.harness import read_report

FIXTURES = Path(__file__).parents[2] / "fixtures"
EACH = 2
"""Scripts of a rule that are run: the first and the last by name."""

CONFIRMED = (
    "TRN101", "TRN102", "TRN103", "TRN104", "TRN105", "TRN106", "TRN108", "TRN112", "TRN113", "TRN114",
    "TRN201", "TRN202", "TRN203", "TRN204", "TRN205", "TRN206", "TRN207", "TRN212", "TRN215", "TRN216",
    "TRN217", "TRN220", "TRN301", "TRN302", "TRN303", "TRN304", "TRN305", "TRN306", "TRN307", "TRN310",
    "TRN311", "TRN319", "TRN401", "TRN402", "TRN403", "TRN501", "TRN502", "TRN503", "TRN504",
    "TRN505", "TRN506", "TRN507", "TRN508", "TRN509", "TRN510", "TRN601", "TRN701", "TRN703", "TRN705",
    "TRN801", "TRN802", "TRN803", "TRN804", "TRN807",
)  # fmt: skip
"""Rules of which a run of at least one of their scripts confirms the finding."""

States = dict[str, list[tuple[str, State, str]]]


_OUT_OF_REACH = re.compile(r"not executed|^(?:import|from) (?:jax|keras|tensorflow)\b", re.MULTILINE)
"""Cannot run here, or trains with a library that the probe does not look into."""


def _scripts() -> list[Path]:
    chosen = []
    for folder in sorted(FIXTURES.glob("TRN*")):
        runnable = [path for path in sorted(folder.glob("*.bad.py")) if not _OUT_OF_REACH.search(path.read_text())]
        chosen += [*runnable[:1], *runnable[1:][-(EACH - 1) :]]
    return chosen


def _text(path: Path) -> str:
    """The script, and what stands for its caller."""
    text = path.read_text()
    return "\n".join([text, *re.findall(r"^# execute: (.*)$", text, re.MULTILINE), ""])


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    """Every finding of the analysis in the scripts, by its rule, with the state that the run leaves it in."""
    folder = tmp_path_factory.mktemp("scripts")
    copies = []
    for path in _scripts():
        copies.append(folder / f"{path.parent.name}_{path.name}")
        copies[-1].write_text(_text(path))
    result: States = {}
    for copy, report in _run(copies).items():
        static = check(Document(str(copy), copy.read_text())).findings
        for finding in agree(static, report.findings, report.refuted).findings:
            result.setdefault(finding.code, []).append((copy.name, finding.state, finding.message))
    return result


def _run(scripts: list[Path]) -> dict[Path, ProbeReport]:
    runs = [
        {"script": str(script), "arguments": [], "cwd": str(script.parent), "device": None, "wall_s": 20.0} for script in scripts
    ]
    command = [sys.executable, str(Path(__file__).with_name("forked.py")), *map(json.dumps, runs)]
    done = subprocess.run(command, capture_output=True, timeout=900, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(runs), done.stderr.decode()
    return {script: read_report(run, answer) for script, run, answer in zip(scripts, runs, answers, strict=True)}


def test_no_run_refutes_what_is_true(states: States) -> None:
    wrong = [each for found in states.values() for each in found if each[1] is State.WITHDRAWN]
    assert wrong == []


def test_runs_confirm_what_they_can_show(states: States) -> None:
    confirmed = {code for code, found in states.items() if any(state is State.CONFIRMED for _, state, _ in found)}
    assert sorted(confirmed) == sorted(CONFIRMED)


HIDDEN_CLEAR = """\
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs, targets = torch.randn(64, 4), torch.randn(64, 1)
exec("optimizer.register_step_post_hook(lambda *given: optimizer.zero_grad())")
for epoch in range(10):
    loss = nn.functional.mse_loss(model(inputs), targets)
    loss.backward()
    optimizer.step()
"""

HIDDEN_LOGARITHM = """\
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 3))
exec("model.register_forward_hook(lambda module, given, made: made.log_softmax(1))")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    optimizer.zero_grad()
    loss = nn.functional.nll_loss(model(torch.randn(8, 4)), torch.randint(0, 3, (8,)))
    loss.backward()
    optimizer.step()
"""

HIDDEN_RATE = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
exec("optimizer.param_groups[0]['lr'] = 0.1")
for epoch in range(10):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(0, 3, (8,))).backward()
    optimizer.step()
"""

HIDDEN_MODE = """\
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3))
model.eval()
exec("for each in model.modules(): each.training = True")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(0, 3, (8,))).backward()
    optimizer.step()
"""

REFUTED = {"TRN101": HIDDEN_CLEAR, "TRN503": HIDDEN_LOGARITHM, "TRN401": HIDDEN_RATE, "TRN601": HIDDEN_MODE}
"""What the analysis cannot see makes these right."""


@pytest.fixture(scope="module")
def refuted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Finding, Finding]]:
    """By rule: the finding of the analysis, and what the run makes of it."""
    folder = tmp_path_factory.mktemp("refuted")
    scripts = {code: folder / f"{code}.py" for code in REFUTED}
    for code, script in scripts.items():
        script.write_text(REFUTED[code])
    reports = _run(list(scripts.values()))
    result = {}
    for code, script in scripts.items():
        static = check(Document(str(script), script.read_text())).findings
        (before,) = static
        assert before.code == code
        (after,) = agree(static, reports[script].findings, reports[script].refuted).findings
        result[code] = (before, after)
    return result


@pytest.mark.parametrize("code", sorted(REFUTED))
def test_what_a_run_refutes_is_withdrawn_and_says_so(code: str, refuted: dict[str, tuple[Finding, Finding]]) -> None:
    before, after = refuted[code]
    assert (before.state, after.state) == (State.OPEN, State.WITHDRAWN)
    assert after.message.startswith(before.message)
    assert "a run refutes this: " in after.message
    assert (after.severity.value, after.fixes, after.span) == ("info", (), before.span)
