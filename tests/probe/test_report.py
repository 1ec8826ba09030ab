"""The report for people, for programs, and its documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from trainlint.agreement import WHICH
from trainlint.finding import Origin, Severity
from trainlint.output.colour import Palette
from trainlint.probe import withdrawals
from trainlint.probe.codes import BY_CODE, HELD, OF_BATCH, OF_STATUS, OWN, RULES
from trainlint.probe.decoding import decode
from trainlint.probe.facts import listed
from trainlint.probe.failures import Setting, explain
from trainlint.probe.observation import (
    BackwardSeen,
    ErrorSeen,
    Frame,
    Observation,
    OptimizerSeen,
    ParameterSeen,
    Place,
    StepOfParameter,
    StepSeen,
)
from trainlint.probe.protocol import ProtocolError, Result, encode, split
from trainlint.probe.report import render_json, render_text
from trainlint.probe.spans import Sources
from trainlint.probe.status import Status, Verdict
from trainlint.probe.verdict import Circumstances, ProbeReport, conclude
from trainlint.rules import RULES as ANALYSED

SAID = Path(withdrawals.__file__)
DOCS = Path(__file__).parents[2] / "docs" / "probe.md"

SCRIPT = """\
model = Net()
optimizer = SGD(model.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
"""


def parameter(name: str, *, learned: int, gradient: str = "finite") -> ParameterSeen:
    row = StepOfParameter(0, 0.1, gradient, True, nonzero=learned, learned=learned, gradient_norm=0.5, update_norm=0.05)
    return ParameterSeen(
        name, "model", [2, 5], "float32", 10, True, [0], [row], learned, True, bool(learned), 1,
        gradient_norm=0.5, update_norm=0.05, weight_norm=1.0,
    )  # fmt: skip


def observation(*parameters: ParameterSeen) -> Observation:
    step = StepSeen(0, Place("/home/me/train.py", 6), True, 1, False, -0.1)
    return Observation(
        "step",
        "verdict",
        1.25,
        optimizers=[OptimizerSeen("optimizer", "SGD", [0.1], False, False, 2, 0)],
        parameters=list(parameters),
        steps=[step],
        backwards=[BackwardSeen(Place("/home/me/train.py", 5), 0.7, 2, False)],
        backward_count=2,
    )


def report(seen: Observation) -> ProbeReport:
    return conclude(seen, Circumstances(Setting("/home/me/train.py", "/home/me"), Sources("/home/me/train.py", SCRIPT)))


def test_the_table_groups_parameters_by_model_and_status() -> None:
    told = render_text(
        report(
            observation(
                parameter("model.a.weight", learned=10),
                parameter("model.a.bias", learned=5),
                parameter("model.b.weight", learned=10),
                parameter("model.c.weight", learned=0, gradient="zero"),
            )
        )
    )
    assert told == (
        "Partly learning: 3 of 4 parameters handed to `optimizer` learn.\n"
        "\n"
        "         parameters              status               gradient  update/weight\n"
        "  model  3: a.weight … b.weight  learned 50% to 100%  5.0e-01   5.0e-02\n"
        "         c.weight                zero-gradient        5.0e-01   5.0e-02        their gradient is exactly zero\n"
        "\n"
        "/home/me/train.py:6:5: TRNP01 `model.c.weight` gets a gradient that is exactly zero at every step; see what its output "
        "is multiplied by on the way to the loss\n"
        "  |\n"
        "6 |     optimizer.step()\n"
        "  |     ^^^^^^^^^^^^^^^^ warning: zero-gradient\n"
        "\n"
        "2 steps, 2 backward passes in 1.2 s. It says nothing of branches that were not taken, nor whether training"
        " converges.\n"
    )


def test_colours_change_nothing_but_the_colour() -> None:
    made = report(observation(parameter("model.a.weight", learned=10)))
    painted = render_text(made, Palette(True))
    assert painted != render_text(made)
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == render_text(made)


def test_what_is_not_finite_is_null_in_the_json() -> None:
    broken = parameter("model.a.weight", learned=10)
    broken.gradient_norm, broken.weight_norm = float("nan"), float("inf")
    seen = observation(broken)
    seen.backwards[0].loss = float("inf")
    told = json.loads(render_json(report(seen)), parse_constant=lambda word: pytest.fail(word))
    assert (told["parameters"][0]["grad_norm"], told["parameters"][0]["weight_norm"]) == (None, None)
    assert told["loss"] == {"values": [None], "first_order_change": [-0.1]}


def test_every_finding_says_that_a_run_has_seen_it() -> None:
    (finding,) = report(observation(parameter("model.c.weight", learned=0, gradient="zero"))).findings
    assert (finding.source, finding.severity, finding.name) == (Origin.PROBE, Severity.WARNING, "zero-gradient")
    assert len(finding.fingerprint) == 16


def test_a_result_comes_back_as_it_was_sent() -> None:
    seen = observation(parameter("model.a.weight", learned=10))
    seen.error = ErrorSeen("KeyError", "'x'", [Frame("/home/me/train.py", 3, "<module>", True)])
    assert decode(Result, split(encode(Result(seen, "a fault")))[1]) == Result(seen, "a fault")
    with pytest.raises(ProtocolError):
        decode(Result, {"observation": {"reached": "step"}})


@pytest.mark.parametrize(
    ("kind", "message", "detail", "advice"),
    [
        ("RuntimeError", "Found no NVIDIA driver on your system.", "", "`--device cpu`"),
        ("AssertionError", "Torch not compiled with CUDA enabled", "", "`--device cpu`"),
        ("ConnectionError", "Max retries exceeded with url", "", "`--network`"),
        ("OSError", "We couldn't connect to the hub", "", "`--network`"),
        ("FileNotFoundError", "No such file", "/data/x", "fetch the data first"),
        ("FileNotFoundError", "No such file", "data/x", "`--cwd`"),
        ("OSError", "[Errno 30] Read-only file system: '/x'", "", "The sandbox refuses"),
        ("EOFError", "EOF when reading a line", "", "It waits for input"),
        ("KeyError", "'WORLD_SIZE'", "", "torchrun"),
        ("ModuleNotFoundError", "No module named 'einops'", "einops", "Install `einops` for python"),
        ("TypeError", "step() got an unexpected keyword argument 'x'", "", "other versions of its libraries"),
        ("UnpicklingError", "Weights only load failed.", "", "other versions of its libraries"),
        ("OutOfMemoryError", "out of memory", "", "`--memory`"),
        ("OSError", "[Errno 25] Inappropriate ioctl for device", "", "asks for a terminal"),
        ("ValueError", "too many values to unpack", "", "Mend the error"),
    ],
)
def test_every_failure_has_its_own_advice(kind: str, message: str, detail: str, advice: str) -> None:
    error = ErrorSeen(kind, message, [Frame("/home/me/train.py", 3, "<module>", True)], detail=detail)
    failure = explain(error, Setting("/home/me/train.py", "/home/me"))
    assert advice in failure.advice
    assert failure.what.startswith(f"The script stopped with {kind}: {message}")
    assert failure.what.endswith(" at line 3 of train.py.")
    assert failure.place == Place("/home/me/train.py", 3)


def test_many_names_become_the_module_they_share() -> None:
    assert listed(["a"]) == "`a`"
    assert listed(["a", "b", "c"]) == "`a`, `b` and `c`"
    assert listed(["m.x.a", "m.x.b", "m.x.c.d", "m.x.e"]) == "4 parameters of `m.x` (`m.x.a` is one)"
    assert listed(["a.x", "b.x", "c.x", "d.x"]) == "`a.x`, `b.x` and 2 more"


def test_rules_have_the_names_and_severities_that_the_analysis_gives_them() -> None:
    known = {rule.code: (rule.name, rule.severity) for rule in ANALYSED}
    for code in (*RULES, *HELD):
        assert known.get(code.code) == (code.name, code.severity)


def test_codes_are_well_formed_and_used() -> None:
    assert all(re.fullmatch(r"TRNP[0-9]{2}", each.code) for each in OWN)
    assert all(re.fullmatch(r"TRN[0-9]{3}", each.code) for each in RULES)
    assert len(BY_CODE) == len(OWN) + len(RULES) + len(HELD)
    assert {*OF_STATUS.values(), *OF_BATCH.values()} <= set(BY_CODE)


def test_the_documentation_has_every_code_verdict_and_status() -> None:
    text = DOCS.read_text()
    rows = "".join(f"| {each.code} | `{each.name}` | {each.severity.value} | {each.meaning} |\n" for each in OWN)
    table = f"| code | name | severity | meaning |\n|---|---|---|---|\n{rows}"
    assert f"<!-- codes -->\n{table}<!-- /codes -->" in text
    assert f"<!-- rules -->{', '.join(each.code for each in RULES)}<!-- /rules -->" in text
    agent = "".join(path.read_text() for path in sorted(SAID.with_name("agent").glob("*.py")))
    seen = re.findall(r'say\(\s*"(TRN[0-9]{3})", (?!True)', agent)
    refuted = sorted({*re.findall(r'"(TRN[0-9]{3})"', SAID.read_text()), *seen, *WHICH})
    assert f"<!-- refuted -->{', '.join(refuted)}<!-- /refuted -->" in text
    for word in (*Verdict, *Status):
        assert f"| `{word.value}` |" in text
