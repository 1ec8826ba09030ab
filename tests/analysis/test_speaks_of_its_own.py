"""Backwards and steps that serve somebody else leave an optimizer's own story alone."""

from __future__ import annotations

import pytest
from trainlint.engine import check
from trainlint.source.document import Document

HEAD = """\
import copy
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
SILENT = {
    "a copy is differentiated to measure its speed": """
twin = copy.deepcopy(model)
for x in batches:
    twin(x).sum().backward()
for x in batches:
    optimizer.zero_grad()
    model(x).sum().backward()
    optimizer.step()
""",
    "what steps got lost on the way": """
chosen = None
for x in batches:
    chosen.zero_grad()
    model(x).sum().backward()
    chosen.step()
""",
    "gradients are computed elsewhere, and a shape is no graph": """
for x in batches:
    optimizer.zero_grad()
    (model(x) * torch.ones(x.shape[0], 1)).sum().backward()
    optimizer.step()
""",
}
NAMED = {
    "an optimizer over a model that nobody else knows": (
        """
other = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
for x in batches:
    other.zero_grad()
    model(x).mean().backward()
    other.step()
    optimizer.zero_grad()
    model(x).sum().backward()
    optimizer.step()
""",
        "TRN105",
    ),
    "an optimizer that clears and never steps": (
        """
head = nn.Linear(2, 2)
second = torch.optim.SGD(head.parameters(), lr=0.1)
for x in batches:
    optimizer.zero_grad()
    second.zero_grad()
    head(model(x)).sum().backward()
    optimizer.step()
""",
        "TRN104",
    ),
    "gradients that are only logged": (
        """
for x in batches:
    optimizer.zero_grad()
    model(x).sum().backward()
    writer.add_histogram("gradient", model.weight.grad.cpu())
""",
        "TRN104",
    ),
}


def codes(text: str) -> list[str]:
    return [finding.code for finding in check(Document("train.py", HEAD + text)).findings]


@pytest.mark.parametrize("case", SILENT)
def test_silence(case: str) -> None:
    assert not {code for code in codes(SILENT[case]) if code.startswith("TRN1")}


@pytest.mark.parametrize("case", NAMED)
def test_named(case: str) -> None:
    text, code = NAMED[case]
    assert code in codes(text)
