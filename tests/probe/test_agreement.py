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
from trainlint.rules import RULES
from trainlint.settings import Settings
from trainlint.source.document import Document

from tests.probe.harness import read_report, run_forked

FIXTURES = Path(__file__).parents[2] / "fixtures"
GUIDE = FIXTURES.parent / "docs" / "probe.md"
KNOWN = {rule.code for rule in RULES}
EACH = 2
"""Scripts of a rule that are run: the first and the last by name."""

SHOWN_BY = {
    "TRN003": "TRN003/data_filled.bad.py",
    "TRN109": "probe/mistakes/m10_method_overwritten.py",
    "TRN210": "probe/mistakes/m23_auxiliary_loss.py",
    "TRN312": "TRN312/list.bad.py",
    "TRN313": "TRN313/scaled.bad.py",
    "TRN314": "probe/mistakes/layer_built_in_forward.py",
    "TRN512": "TRN512/network.bad.py",
}
"""A script in which the mistake is reached within the first steps, where the first and the last do not reach it."""

States = dict[str, list[tuple[str, State, str]]]


_OUT_OF_REACH = re.compile(r"not executed|^(?:import|from) (?:jax|keras|tensorflow)\b", re.MULTILINE)
"""Cannot run here, or trains with a library that the probe does not look into."""


def _scripts() -> list[Path]:
    chosen = []
    for folder in sorted(FIXTURES.glob("TRN*")):
        runnable = [path for path in sorted(folder.glob("*.bad.py")) if not _OUT_OF_REACH.search(path.read_text())]
        chosen += [*runnable[:1], *runnable[1:][-(EACH - 1) :]]
    return [*chosen, *(FIXTURES / name for name in SHOWN_BY.values())]


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
        document = Document(str(copy), copy.read_text())
        selected = re.findall(r"^# select: (TRN[0-9]+)$", document.text, re.MULTILINE)
        static = check(document, settings=Settings(extend_select=tuple(selected))).findings
        for finding in agree(static, report.findings, report.claims).findings:
            result.setdefault(finding.code, []).append((copy.name, finding.state, finding.message))
    return result


def _run(scripts: list[Path]) -> dict[Path, ProbeReport]:
    runs = [
        {"script": str(script), "arguments": [], "cwd": str(script.parent), "device": None, "wall_s": 90.0} for script in scripts
    ]
    command = [sys.executable, str(Path(__file__).with_name("forked.py")), *map(json.dumps, runs)]
    done = subprocess.run(command, capture_output=True, timeout=1800, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(runs), done.stderr.decode()
    return {script: read_report(run, answer) for script, run, answer in zip(scripts, runs, answers, strict=True)}


def test_no_run_refutes_what_is_true(states: States) -> None:
    wrong = [each for found in states.values() for each in found if each[1] is State.WITHDRAWN]
    assert wrong == []


def test_runs_confirm_what_they_can_show(states: States) -> None:
    confirmed = {code for code, found in states.items() if any(state is State.CONFIRMED for _, state, _ in found)}
    assert (_listed("confirmed") & KNOWN) ^ confirmed == set()


def test_of_every_rule_it_is_said_what_a_run_can_say_of_it() -> None:
    """A run confirms a rule's findings, or can only refute them, or cannot speak of them for a reason that is given."""
    confirmed, refuted, beyond = _listed("confirmed"), _listed("refuted"), _beyond()
    only_refuted = refuted - confirmed
    assert not (confirmed | only_refuted) & set(beyond)
    assert confirmed | only_refuted | set(beyond) >= KNOWN
    assert all(reason.endswith(".") for reason in beyond.values())


def _listed(name: str) -> set[str]:
    """The rules in a list of the guide."""
    return set(re.findall(r"TRN[0-9]{3}", GUIDE.read_text().partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]))


def _beyond() -> dict[str, str]:
    """The reason of each rule in the guide's table of those that no run of a few steps shows."""
    table = GUIDE.read_text().partition("<!-- beyond -->")[2].partition("<!-- /beyond -->")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    return {code: reason for codes, reason in cells for code in codes.split(", ")}


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
        (after,) = agree(static, reports[script].findings, reports[script].claims).findings
        result[code] = (before, after)
    return result


@pytest.mark.parametrize("code", sorted(REFUTED))
def test_what_a_run_refutes_is_withdrawn_and_says_so(code: str, refuted: dict[str, tuple[Finding, Finding]]) -> None:
    before, after = refuted[code]
    assert (before.state, after.state) == (State.OPEN, State.WITHDRAWN)
    assert after.message.startswith(before.message)
    assert "a run refutes this: " in after.message
    assert (after.severity.value, after.fixes, after.span) == ("info", (), before.span)


HONEST = FIXTURES / "probe" / "honest" / "every_claim.py"


def test_a_run_refutes_claims_line_by_line() -> None:
    lines = enumerate(HONEST.read_text().splitlines(), 1)
    expected = {(code, number) for number, line in lines for code in re.findall(r"TRN[0-9]{3}", line.partition("# refutes:")[2])}
    (report,) = run_forked([HONEST]).values()
    refuted = {(claim.code, claim.span.start.line) for claim in report.claims if claim.state is State.WITHDRAWN}
    confirmed = {(claim.code, claim.span.start.line) for claim in report.claims if claim.state is State.CONFIRMED}
    assert expected <= refuted
    assert not confirmed
