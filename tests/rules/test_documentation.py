"""A rule is its own documentation: headings, examples that hold, and a list that is complete."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import trainlint.rules
from trainlint.configuration import ConfigurationError, load
from trainlint.finding import Severity
from trainlint.rules import RULES, Rule

from tests.rules.cases import report

HEADINGS = [
    "What it does",
    "Why it matters",
    "Example",
    "Use instead",
    "When it stays silent",
    "Fix safety",
    "References",
]
SHARED = {"__init__", "rule", "misfit", "remedy"}
PRELUDE = """\
import torch
import torch.nn.functional as F
from torch import nn

model = nn.Linear(4, 2)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = torch.utils.data.DataLoader(samples, batch_size=8, shuffle=True)
"""
"""What stands before every example."""
OF_TAPES = """\
import keras
import tensorflow as tf

model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.5), keras.layers.Dense(3)])
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam(learning_rate=1e-3)
x, y = next(iter(dataset))
"""
"""What stands before examples of TensorFlow and Keras."""

_CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
every_rule_about_code = pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.name != "invalid-setting"], ids=lambda rule: rule.name
)


def section(rule: Rule, heading: str) -> str:
    rest = rule.doc.partition(f"## {heading}\n")[2]
    return rest.partition("\n## ")[0].strip()


def snippet(rule: Rule, heading: str) -> str:
    (code,) = _CODE.findall(section(rule, heading))
    return (OF_TAPES if re.search(r"\b(?:tf|keras)\.|\.compile\(", code) else PRELUDE) + str(code)


def chosen(rule: Rule, heading: str) -> str:
    """The snippet, and that the rule is chosen where it is off by default."""
    return snippet(rule, heading) + (f"# select: {rule.code}\n" if rule.severity is Severity.OFF else "")


@every_rule
def test_headings(rule: Rule) -> None:
    assert re.findall(r"^## (.+)$", rule.doc, re.MULTILINE) == HEADINGS
    for heading in HEADINGS:
        assert section(rule, heading)


@every_rule
def test_summary_is_one_sentence(rule: Rule) -> None:
    assert rule.summary.endswith(".")
    assert "\n\n" in rule.doc
    assert rule.doc.split("\n")[1] == ""


@every_rule_about_code
def test_example_is_flagged_by_this_rule_alone(rule: Rule) -> None:
    assert {finding.code for finding in report(chosen(rule, "Example")).findings} == {rule.code}


@every_rule_about_code
def test_use_instead_is_silent(rule: Rule) -> None:
    assert report(chosen(rule, "Use instead")).findings == ()


def test_the_example_of_an_invalid_setting(tmp_path: Path) -> None:
    (rule,) = (rule for rule in RULES if rule.name == "invalid-setting")
    file = tmp_path / "pyproject.toml"
    for heading in ("Example", "Use instead"):
        file.write_text(re.findall(r"```toml\n(.*?)```", section(rule, heading), re.DOTALL)[0])
        if heading == "Example":
            with pytest.raises(ConfigurationError):
                load(file)
        else:
            assert load(file).select == ("TRN1",)


@every_rule
def test_references_are_links(rule: Rule) -> None:
    for line in section(rule, "References").splitlines():
        assert re.fullmatch(r"- \[[^\]]+\]\(https://[^)\s]+\)", line)


@every_rule
def test_metadata(rule: Rule) -> None:
    assert re.fullmatch(r"TRN\d{3}", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.name)
    assert re.fullmatch(r"\d+\.\d+\.\d+", rule.since)
    assert rule.severity in Severity


@every_rule
def test_file_is_named_as_the_rule(rule: Rule) -> None:
    file = sys.modules[rule.check.__module__].__file__
    assert file is not None
    assert Path(file).stem == rule.name.replace("-", "_")


def test_the_list_is_complete() -> None:
    (folder,) = trainlint.rules.__path__
    files = {path.stem for path in Path(folder).rglob("*.py")} - SHARED
    assert {rule.name.replace("-", "_") for rule in RULES} == files


def test_codes_and_names_are_unique_and_sorted() -> None:
    codes = [rule.code for rule in RULES]
    assert codes == sorted(set(codes))
    assert len({rule.name for rule in RULES}) == len(RULES)
