"""Fixes that restructure, in the spellings of other people: before and after."""

from __future__ import annotations

import subprocess
import sys

import pytest
from trainlint.fixes.apply import apply_edits
from trainlint.fixes.resolve import resolved

from tests.rules.cases import report
from tests.rules.mending import held
from tests.rules.variants import VARIANTS, Variant

HEAD = """\
from collections import OrderedDict
import torch
from torch import nn
import torch.nn.functional as F

x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))
"""
TAIL = """\
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
"""
SEQUENTIAL = {
    "appended": (
        "layers = [nn.Linear(4, 3)]\nlayers.append(nn.Softmax(dim=1))  # probabilities\nmodel = nn.Sequential(*layers)\n",
        "layers = [nn.Linear(4, 3)]\n# probabilities\nmodel = nn.Sequential(*layers)\n",
    ),
    "added": (
        "layers = [nn.Linear(4, 3)]\nlayers += [nn.Softmax(dim=1)]\nmodel = nn.Sequential(*layers)\n",
        "layers = [nn.Linear(4, 3)]\nmodel = nn.Sequential(*layers)\n",
    ),
    "with comments": (
        "model = nn.Sequential(\n    nn.Linear(4, 3),  # scores\n    # and then\n    nn.Softmax(dim=1),  # probabilities\n)\n",
        "model = nn.Sequential(\n    nn.Linear(4, 3),  # scores\n    # and then\n    # probabilities\n)\n",
    ),
    "without a last comma": (
        "model = nn.Sequential(\n    nn.Linear(4, 3),\n    nn.Softmax(dim=1)  # probabilities\n)\n",
        "model = nn.Sequential(\n    nn.Linear(4, 3)\n    # probabilities\n)\n",
    ),
    "on one line": ("model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))\n", "model = nn.Sequential(nn.Linear(4, 3))\n"),
    "counted off": (
        "layers = [nn.Linear(4, 3), nn.Softmax(1)]\nprint(layers[0])\nmodel = nn.Sequential(*layers)\n",
        "layers = [nn.Linear(4, 3), nn.Identity()]\nprint(layers[0])\nmodel = nn.Sequential(*layers)\n",
    ),
    "counted off in a model": (
        "model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))\nprint(model[-2].weight)\n",
        "model = nn.Sequential(nn.Linear(4, 3), nn.Identity())\nprint(model[-2].weight)\n",
    ),
    "in a list": (
        "model = nn.Sequential(*[nn.Linear(4, 3), nn.Softmax(1), ])\n",
        "model = nn.Sequential(*[nn.Linear(4, 3), ])\n",
    ),
    "in a dictionary": (
        'model = nn.Sequential(OrderedDict({\n    "fc": nn.Linear(4, 3),  # scores\n    "sm": nn.Softmax(1),  # shares\n}))\n',
        'model = nn.Sequential(OrderedDict({\n    "fc": nn.Linear(4, 3),  # scores\n    # shares\n}))\n',
    ),
    "in a list with comments": (
        "model = nn.Sequential(*[\n    nn.Linear(4, 3),  # scores\n    nn.Softmax(1)  # shares\n])\n",
        "model = nn.Sequential(*[\n    nn.Linear(4, 3)  # scores\n    # shares\n])\n",
    ),
    "by a name": (
        "softmax = nn.Softmax(dim=1)\nmodel = nn.Sequential(nn.Linear(4, 3), softmax)\n",
        "softmax = nn.Softmax(dim=1)\nmodel = nn.Sequential(nn.Linear(4, 3))\n",
    ),
}
FORWARD = {
    "returned": ("return F.softmax(self.fc(x), dim=1)", "return self.fc(x)"),
    "over several lines": (
        "return F.softmax(\n            self.fc(x),  # the scores\n            dim=1,\n        )",
        "# the scores\n        return self.fc(x)",
    ),
    "by keyword": ("return F.softmax(input=self.fc(x), dim=1)", "return self.fc(x)"),
    "to itself": (
        "x = self.fc(x)\n        x = self.softmax(x)  # probabilities\n        return x",
        "x = self.fc(x)\n        # probabilities\n        return x",
    ),
    "to itself over several lines": (
        "x = self.fc(x)\n        x = F.softmax(\n            x, dim=1\n        )\n        return x",
        "x = self.fc(x)\n        return x",
    ),
    "behind a semicolon": ("x = self.fc(x); x = self.softmax(x); return x", "x = self.fc(x); return x"),
    "last on its line": ("x = self.fc(x); x = self.softmax(x)\n        return x", "x = self.fc(x)\n        return x"),
    "built where it is called": ("return nn.Softmax(dim=1)(self.fc(x))", "return self.fc(x)"),
    "as a method": ("return self.fc(x).softmax(dim=1)", "return self.fc(x)"),
    "in parentheses": (
        "return (\n            F.softmax(\n                self.fc(x), dim=1)\n        )",
        "return (\n            self.fc(x)\n        )",
    ),
    "of a sum": ("return F.softmax(self.fc(x) + 1, dim=1)", "return self.fc(x) + 1"),
    "of a sum over several lines": (
        "return F.softmax(self.fc(x)\n                         + 1, dim=1)",
        "return (self.fc(x)\n                         + 1)",
    ),
    "behind a backslash": (
        "x = \\\n            F.softmax(self.fc(x), dim=1)\n        return x",
        "x = \\\n            self.fc(x)\n        return x",
    ),
}  # fmt: skip
NET = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        BODY


model = Net()
"""
MODULE = """\
IMPORTS
x, y = torch.randn(8, 4), torch.randn(8, 4)


class Net(MODULE):
    def __init__(self):
        super().__init__()
        self.head = LINEAR(4, 4)
        self.part = VALUE

    def forward(self, x):
        return USE


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    loss = (model(x) - y).square().mean()
    loss.backward()
    optimizer.step()
"""
PARTS = {
    "list": ("[LINEAR(4, 4), LINEAR(4, 4)]", "self.part[1](self.head(x))", "ModuleList([LINEAR(4, 4), LINEAR(4, 4)])"),
    "tuple": ("LINEAR(4, 4), LINEAR(4, 4)", "self.part[1](self.head(x))", "ModuleList((LINEAR(4, 4), LINEAR(4, 4)))"),
    "tuple in parentheses": (
        "(LINEAR(4, 4), LINEAR(4, 4))", "self.part[1](self.head(x))", "ModuleList((LINEAR(4, 4), LINEAR(4, 4)))",
    ),
    "comprehension": (
        "[\n            LINEAR(4, 4)  # one\n            for _ in range(2)\n        ]",
        "self.part[1](self.head(x))",
        "ModuleList([\n            LINEAR(4, 4)  # one\n            for _ in range(2)\n        ])",
    ),
    "dictionary": ('{"a": LINEAR(4, 4)}', 'self.part["a"](self.head(x))', 'ModuleDict({"a": LINEAR(4, 4)})'),
    "call of dict": ("dict(a=LINEAR(4, 4))", 'self.part["a"](self.head(x))', "ModuleDict(dict(a=LINEAR(4, 4)))"),
    "tensor": (
        "torch.ones(4, requires_grad=True)", "self.head(x) * self.part", "Parameter(torch.ones(4, requires_grad=True))",
    ),
}  # fmt: skip
IMPORTS = {
    "nn": ("import torch\nfrom torch import nn", "nn.", "nn.", None),
    "an alias": ("import torch\nimport torch.nn as tnn", "tnn.", "tnn.", None),
    "torch alone": ("import torch", "torch.nn.", "torch.nn.", None),
    "names": ("import torch\nfrom torch.nn import Linear, Module", "", "", "from torch.nn import Linear, Module, {}"),
    "names in order": (
        "import torch\nfrom torch.nn import Linear, Module, Tanh",
        "",
        "",
        "from torch.nn import Linear, Module, {}, Tanh",
    ),
    "names in order on lines": (
        "import torch\nfrom torch.nn import (\n    Linear,\n    Module,  # the base\n    Tanh,\n)",
        "",
        "",
        "from torch.nn import (\n    Linear,\n    Module,  # the base\n    {},\n    Tanh,\n)",
    ),
    "names in parentheses": (
        "import torch\nfrom torch.nn import (\n    Linear,\n    Module,  # the base\n)",
        "",
        "",
        "from torch.nn import (\n    Linear,\n    Module,  # the base\n    {},\n)",
    ),
    "names of another module": (
        '"""Doc."""\nfrom __future__ import annotations\nimport os\nimport torch as th\n'
        "from torch.nn.modules.module import Module\nfrom torch.nn.modules.linear import Linear\nimport sys",
        "",
        "th.nn.",
        None,
    ),
    "nothing of the library's own": (
        '"""Doc."""\nfrom __future__ import annotations\nimport os\nfrom torch import optim, randn, ones\n'
        "from torch.nn.modules.module import Module\nfrom torch.nn.modules.linear import Linear\nimport sys",
        "",
        "",
        "from torch.nn.modules.linear import Linear\nfrom torch.nn import {}\nimport sys",
    ),
}


def fixed(text: str) -> str:
    """With the only fix of the only finding, when everything that is promised of it holds."""
    held(text)
    (finding,) = report(text).findings
    (fix,) = finding.fixes
    assert fix.edits is None, "it is made when it is asked for"
    return apply_edits(text, resolved(fix, text).edits or ())


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_a_layer_is_taken_out_of_a_sequence(name: str) -> None:
    before, after = SEQUENTIAL[name]
    assert fixed(HEAD + before + TAIL) == HEAD + after + TAIL


@pytest.mark.parametrize("name", FORWARD)
def test_a_computation_is_taken_out_of_a_forward(name: str) -> None:
    before, after = (HEAD + NET.replace("BODY", body) + TAIL for body in FORWARD[name])
    assert fixed(before) == after


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
@pytest.mark.parametrize("name", FORWARD)
def test_line_ends_tabs_and_form_feeds_survive(name: str, variant: Variant) -> None:
    before, after = (HEAD + NET.replace("BODY", body) + TAIL for body in FORWARD[name])
    if variant.__name__ != "crowded":
        assert fixed(variant(before)) == variant(after)


@pytest.mark.parametrize("imports", IMPORTS)
@pytest.mark.parametrize("part", PARTS)
def test_parts_become_known_to_their_module(part: str, imports: str) -> None:
    head, prefix, wanted, line = IMPORTS[imports]
    value, use, after = PARTS[part]
    text = MODULE.replace("IMPORTS", head).replace("MODULE", f"{prefix}Module").replace("VALUE", value).replace("USE", use)
    text = text.replace("LINEAR", f"{prefix}Linear")
    if imports.startswith("names of"):
        text = text.replace("torch.randn", "th.randn").replace("torch.optim", "th.optim").replace("torch.ones", "th.ones")
    if imports.startswith("nothing"):
        text = text.replace("torch.randn", "randn").replace("torch.optim", "optim").replace("torch.ones", "ones")
    mended = fixed(text)
    name = after.partition("(")[0]
    assert f"self.part = {wanted}{name}(" in mended
    assert line is None or line.format(name) in mended
    assert mended.replace(f", {name}", "").count("import") == text.count("import") + (imports.startswith("nothing"))
    namespace: dict[str, object] = {}
    exec(compile(mended, "<mended>", "exec"), namespace)
    trained = len(list(namespace["model"].parameters()))  # type: ignore[attr-defined]
    assert trained == 2 + (1 if part == "tensor" else 2 * (1 if "dict" in part else 2))


def test_a_name_that_means_something_else_is_not_taken() -> None:
    head = IMPORTS["names"][0] + "\n\nModuleList = list"
    value, use, _ = PARTS["list"]
    text = MODULE.replace("IMPORTS", head).replace("MODULE", "Module").replace("VALUE", value).replace("USE", use)
    assert "self.part = torch.nn.ModuleList([" in fixed(text.replace("LINEAR", "Linear"))


def test_nothing_is_restructured_before_it_is_asked_for() -> None:
    """Checking a file does not load the library that restructures, which takes longer than many checks."""
    before = HEAD + NET.replace("BODY", FORWARD["returned"][0]) + TAIL
    program = "import sys; from trainlint.engine import check; from trainlint.source.document import Document\n"
    program += f"assert check(Document('a.py', {before!r})).findings[0].fixes\nassert 'libcst' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
