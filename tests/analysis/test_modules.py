"""What a module contains, as far as anyone can see."""

from __future__ import annotations

import pytest
from trainlint.analysis.facts import Facts
from trainlint.analysis.models.modules import Content
from trainlint.cancel import CancelFlag
from trainlint.program.program import build
from trainlint.source.document import Document
from trainlint.source.parse import parse

HEAD = """
import copy
import torch, torchvision
from torch import nn

class Block(nn.Module):
    def __init__(self, width, rate):
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.drop = nn.Dropout(rate)

class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.ReLU()
        self.size = 3

class Deep(Plain):
    def __init__(self, depth):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(depth)])
        self.norm = nn.BatchNorm1d(3)

class Mixed(Elsewhere):
    def __init__(self):
        super().__init__()
        self.act = nn.ReLU()
"""


def contents(expression: str) -> dict[str, bool | None]:
    document = Document("train.py", f"{HEAD}\nmodel = {expression}\nmodel.zero_grad()\n")
    program = build(parse(document.source), CancelFlag())
    facts = Facts(document, program, CancelFlag())
    thing = next(thing for thing in program.things if thing.name == "model")
    return {content.value: facts.modules.contains(thing, content) for content in Content}


YES, NO, UNKNOWN = True, False, None


@pytest.mark.parametrize(
    ("expression", "parameters", "dropout", "batch_norm"),
    [
        ("nn.Linear(3, 3)", YES, NO, NO),
        ("nn.modules.linear.Linear(3, 3)", YES, NO, NO),
        ("nn.ReLU()", NO, NO, NO),
        ("nn.Dropout(0.0)", NO, NO, NO),
        ("nn.Dropout(p=0.1)", NO, YES, NO),
        ("nn.LayerNorm(3, elementwise_affine=False)", NO, NO, NO),
        ("nn.BatchNorm2d(3, affine=False)", NO, NO, YES),
        ("nn.BatchNorm2d(3, track_running_stats=False)", YES, NO, NO),
        ("nn.LSTM(3, 3, dropout=rate)", YES, UNKNOWN, NO),
        ("nn.Sequential(nn.Linear(3, 3), nn.Dropout())", YES, YES, NO),
        ("nn.Sequential(nn.Flatten(), nn.ReLU())", NO, NO, NO),
        ("nn.Sequential(nn.Linear(3, 3), head)", YES, UNKNOWN, UNKNOWN),
        ("nn.Sequential(*layers)", UNKNOWN, UNKNOWN, UNKNOWN),
        ("Block(3, 0.5)", YES, YES, NO),
        ("Block(3, 0.0)", YES, NO, NO),
        ("copy.deepcopy(Block(3, 0.5))", YES, YES, NO),
        ("Plain()", NO, NO, NO),
        ("Deep(2)", YES, NO, YES),
        ("Mixed()", UNKNOWN, UNKNOWN, UNKNOWN),
        ("torchvision.models.resnet18()", YES, NO, YES),
        ("torchvision.models.get_model(name)", YES, UNKNOWN, UNKNOWN),
    ],
)
def test_contents(expression: str, parameters: bool | None, dropout: bool | None, batch_norm: bool | None) -> None:
    found = contents(expression)
    assert (found["parameters"], found["dropout"], found["batch norm"]) == (parameters, dropout, batch_norm)


def test_a_part_that_is_replaced_counts_as_it_is_now() -> None:
    document = Document(
        "train.py",
        f"{HEAD}\nmodel = Block(3, 0.5)\nmodel.drop = nn.Identity()\nnet = nn.Identity()\nnet.fc = x\nmodel.zero_grad()\n",
    )
    program = build(parse(document.source), CancelFlag())
    facts = Facts(document, program, CancelFlag())
    model, net = (next(thing for thing in program.things if thing.name == name) for name in ("model", "net"))
    assert facts.modules.contains(model, Content.DROPOUT) is False
    assert facts.modules.has_parameters(net) is None
