"""Mistakes that need two files to be seen: every way to import, and each case with a twin without the mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from trainlint.finding import Status

from tests.program.projects import Project, findings, found

LOOP = """
for x, y in loader:
    loss = LOSS
    loss.backward()
"""
APPLY = """\
def apply(o):
    o.step()
"""
CLEARED = ("    o.step()", "    o.step()\n    o.zero_grad()")

# By name: the project, and what to replace in it for the twin.
CASES: dict[str, tuple[str, tuple[str, str]]] = {
    "import of a module": (
        f"""\
## main.py
# setup
import helpers
{LOOP}
    helpers.apply(optimizer)  # expect: TRN101
## helpers.py
{APPLY}""",
        CLEARED,
    ),
    "import under another name": (
        f"""\
## main.py
# setup
import lib.helpers as h
{LOOP}
    h.apply(optimizer)  # expect: TRN101
## lib/__init__.py
## lib/helpers.py
{APPLY}""",
        CLEARED,
    ),
    "dotted import": (
        f"""\
## main.py
# setup
import lib.helpers
{LOOP}
    lib.helpers.apply(optimizer)  # expect: TRN101
## lib/helpers.py
{APPLY}""",
        CLEARED,
    ),
    "from import": (
        f"""\
## main.py
# setup
from helpers import apply as go
{LOOP}
    go(optimizer)  # expect: TRN101
## helpers.py
{APPLY}""",
        CLEARED,
    ),
    "import inside a function": (
        """\
## main.py
# setup
def main():
    from helpers import apply
    for x, y in loader:
        loss = LOSS
        loss.backward()
        apply(optimizer)  # expect: TRN101
main()
## helpers.py
def apply(o):
    o.step()
""",
        CLEARED,
    ),
    "star import": (
        f"""\
## main.py
# setup
from helpers import *
{LOOP}
    apply(optimizer)  # expect: TRN101
## helpers.py
{APPLY}""",
        CLEARED,
    ),
    "star import under __all__": (
        f"""\
## main.py
# setup
from helpers import *
{LOOP}
    _apply(optimizer)  # expect: TRN101
## helpers.py
__all__ = ["_apply"]
def _apply(o):
    o.step()
""",
        CLEARED,
    ),
    "relative imports": (
        f"""\
## pkg/__init__.py
## pkg/main.py
# setup
from . import helpers
from .tools.more import clear as wipe
{LOOP}
    helpers.apply(optimizer)  # expect: TRN101
## pkg/helpers.py
{APPLY}
## pkg/tools/__init__.py
## pkg/tools/more.py
from ..helpers import apply
def clear(o):
    pass
""",
        CLEARED,
    ),
    "re-export by a package": (
        f"""\
## main.py
# setup
from pkg import apply
{LOOP}
    apply(optimizer)  # expect: TRN101
## pkg/__init__.py
from .inner import apply
## pkg/inner/__init__.py
from .deep import *
## pkg/inner/deep.py
{APPLY}""",
        CLEARED,
    ),
    "src layout": (
        f"""\
## scripts/main.py
# setup
from pkg.helpers import apply
{LOOP}
    apply(optimizer)  # expect: TRN101
## src/pkg/__init__.py
## src/pkg/helpers.py
{APPLY}""",
        CLEARED,
    ),
    "absolute import inside a package": (
        f"""\
## pkg/__init__.py
## pkg/sub/__init__.py
## pkg/sub/main.py
# setup
from pkg.helpers import apply
{LOOP}
    apply(optimizer)  # expect: TRN101
## pkg/helpers.py
{APPLY}""",
        CLEARED,
    ),
    "try and except ImportError": (
        f"""\
## main.py
# setup
try:
    from .helpers import apply
except ImportError:
    from helpers import apply
{LOOP}
    apply(optimizer)  # expect: TRN101
## helpers.py
{APPLY}""",
        CLEARED,
    ),
    "the first of two that is there": (
        f"""\
## main.py
# setup
try:
    from helpers import apply
except ImportError:
    from others import apply
{LOOP}
    apply(optimizer)  # expect: TRN101
## helpers.py
{APPLY}
## others.py
def apply(o):
    o.step()
    o.zero_grad()
""",
        ("## helpers.py", "## somewhere_else.py"),
    ),
    "files that import each other": (
        f"""\
## main.py
# setup
from helpers import apply
{LOOP}
    apply(optimizer)  # expect: TRN101
## helpers.py
import others
def apply(o):
    others.go(o)
## others.py
import helpers
def go(o):
    o.step()
""",
        CLEARED,
    ),
    "a file that imports the script": (
        f"""\
## main.py
# setup
import helpers
{LOOP}
    helpers.apply()
## helpers.py
import main
def apply():
    main.optimizer.step()  # expect: TRN101
""",
        ("    helpers.apply()", "    helpers.apply()\n    optimizer.zero_grad()"),
    ),
    "a class and its base in two files": (
        """\
## main.py
# setup
from trainer import Trainer
class Mine(Trainer):
    def update(self, loss):
        loss.backward()
        self.apply()
trainer = Mine(optimizer)
for x, y in loader:
    trainer.update(LOSS)  # expect: none
## trainer.py
from mixins import Applies
class Trainer(Applies):
    def __init__(self, optimizer):
        self.optimizer = optimizer
## mixins.py
class Applies:
    def apply(self):
        self.optimizer.step()
""".replace("        self.apply()\n", "        self.apply()  # expect: TRN101\n").replace("  # expect: none", ""),
        ("        self.optimizer.step()", "        self.optimizer.step()\n        self.optimizer.zero_grad()"),
    ),
    "objects made at the top of another file": (
        """\
## main.py
import torch
import parts
from parts import model, loader
for x, y in loader:
    loss = LOSS
    loss.backward()
    parts.optimizer.step()  # expect: TRN101
## parts.py
# setup
""",
        ("    loss.backward()", "    parts.optimizer.zero_grad()\n    loss.backward()"),
    ),
    "step before backward": (
        """\
## main.py
# setup
from helpers import apply
for x, y in loader:
    optimizer.zero_grad()
    loss = LOSS
    apply(optimizer)  # expect: TRN106
    loss.backward()
## helpers.py
def apply(o):
    o.step()
""",
        ("    apply(optimizer)  # expect: TRN106\n    loss.backward()", "    loss.backward()\n    apply(optimizer)"),
    ),
    "gradients cleared by a helper before the step": (
        """\
## main.py
# setup
from helpers import prepare
for x, y in loader:
    loss = LOSS
    loss.backward()
    prepare(optimizer)
    optimizer.step()  # expect: TRN103
## helpers.py
def prepare(o):
    o.zero_grad()
""",
        ("    loss.backward()\n    prepare(optimizer)", "    prepare(optimizer)\n    loss.backward()"),
    ),
    "a helper that steps and clears, without a backward": (
        """\
## main.py
# setup
from helpers import apply
for x, y in loader:
    loss = LOSS
    print(float(loss))
    apply(optimizer)  # expect: TRN105
## helpers.py
def apply(o):
    o.step()
    o.zero_grad()
""",
        ("    print(float(loss))", "    loss.backward()"),
    ),
    "a helper that clears and never steps": (
        """\
## main.py
# setup
from helpers import finish
for x, y in loader:
    loss = LOSS
    loss.backward()  # expect: TRN104
    finish(optimizer)
## helpers.py
def finish(o):
    o.zero_grad()
""",
        ("    o.zero_grad()", "    o.step()\n    o.zero_grad()"),
    ),
    "a rate handed to a factory": (
        """\
## main.py
import torch
from helpers import make
model = torch.nn.Linear(2, 1)
optimizer = make(model, 0.0)  # expect: TRN401
for x, y in [(torch.randn(4, 2), torch.randn(4, 1)) for _ in range(3)]:
    optimizer.zero_grad()
    LOSS.backward()
    optimizer.step()
## helpers.py
from torch.optim import *
def make(model, lr):
    return SGD(model.parameters(), lr=lr)
""",
        ("make(model, 0.0)", "make(model, 0.1)"),
    ),
    "a function of the standard library by a star import": (
        """\
## main.py
import torch
from itertools import *
one, two = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(chain(one.parameters(), two.parameters()), lr=0.0)  # expect: TRN401
for x, y in [(torch.randn(4, 2), torch.randn(4, 1)) for _ in range(3)]:
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(one(x) + two(x), y)
    loss.backward()
    optimizer.step()
""",
        ("lr=0.0", "lr=0.1"),
    ),
    "several modules of one library by star imports": (
        """\
## main.py
from keras.layers import *
from keras.models import *
from keras.optimizers import *
from keras.callbacks import *
from keras.initializers import *
class Agent:
    def __init__(self, x, y):
        given = Input((2,))
        self.model = Model(given, Dense(1)(given))
        self.adam = Adam(0.0)  # expect: TRN401
        self.model.compile(loss="mse", optimizer=self.adam)
        self.model.fit(x, y, callbacks=[EarlyStopping(patience=2)])
import numpy
Agent(numpy.zeros((4, 2)), numpy.zeros((4, 1)))
""",
        ("Adam(0.0)", "Adam(0.1)"),
    ),
    "a rate in a class, and another file's class of the same name": (
        """\
## main.py
import torch
class Agent:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.0)  # expect: TRN401
    def learn(self, x, y):
        self.optimizer.zero_grad()
        torch.nn.functional.mse_loss(self.model(x), y).backward()
        self.optimizer.step()
## other.py
import torch
class Agent(object):
    def resume(self, path):
        self.optimizer.load_state_dict(torch.load(path))
""",
        ("class Agent(object):", "from main import Agent\nclass Resumed(Agent):"),
    ),
    "a rate that is a constant of another file": (
        """\
## main.py
import torch
import config
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=config.LR)  # expect: TRN401
for x, y in [(torch.randn(4, 2), torch.randn(4, 1)) for _ in range(3)]:
    optimizer.zero_grad()
    LOSS.backward()
    optimizer.step()
## config.py
LR = 0.0
""",
        ("LR = 0.0", "LR = 0.1"),
    ),
    "the second of two calls": (
        """\
## main.py
import torch
from helpers import make
one, other = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
first = make(one, 0.1)
second = make(other, 0.0)  # expect: TRN401
(one(torch.ones(4, 2)) + other(torch.ones(4, 2))).sum().backward()
first.step()
second.step()
## helpers.py
import torch.optim as o
def make(model, lr):
    return o.SGD(model.parameters(), lr=lr)
""",
        ("other, 0.0)", "other, 0.2)"),
    ),
}


def cases() -> list[object]:
    return [pytest.param(text, change, id=name) for name, (text, change) in CASES.items()]


@pytest.mark.parametrize(("text", "change"), cases())
def test_the_mistake_is_found_once_and_its_twin_is_silent(tmp_path: Path, text: str, change: tuple[str, str]) -> None:
    project = Project.of(text)
    assert project.announced()
    assert found(project.reports(tmp_path / "bad")) == project.announced()
    assert change[0] in text
    twin = Project.of(text.replace(*change))
    assert not found(twin.reports(tmp_path / "good"))


def test_nothing_fails_on_the_way(tmp_path: Path) -> None:
    for number, (text, _) in enumerate(CASES.values()):
        for report in Project.of(text).reports(tmp_path / str(number)).values():
            assert {file.status for file in report.files} <= {Status.ANALYSED, Status.SKIPPED}


SPLIT = f"""\
## main.py
# setup
from helpers import apply
{LOOP}
    apply(optimizer)  # expect: TRN101
## helpers.py
{APPLY}"""


def test_the_finding_names_the_file_and_points_into_it(tmp_path: Path) -> None:
    reports = Project.of(SPLIT).reports(tmp_path)
    [(name, finding)] = findings(reports)
    assert name == "main.py" and finding.path == str(tmp_path / "main.py")
    assert "helpers.py" in finding.message
    first = finding.related[0]
    assert (first.path, first.span.start.line) == (str(tmp_path / "helpers.py"), 2)
    assert all(related.path == finding.path for related in finding.related[1:])
    assert not finding.fixes


@pytest.mark.parametrize("line", ["    o.step()", "    apply(optimizer)"])
def test_a_comment_at_either_place_silences(tmp_path: Path, line: str) -> None:
    text = SPLIT.replace("  # expect: TRN101", "")
    assert findings(Project.of(text).reports(tmp_path / "loud"))
    quiet = text.replace(line, f"{line}  # trainlint: ignore[TRN101]")
    assert not findings(Project.of(quiet).reports(tmp_path / "quiet"))


def test_what_another_file_says_itself_is_not_said_again(tmp_path: Path) -> None:
    project = Project.of("""\
## main.py
# setup
from middle import run
run(model, optimizer, loader)
## middle.py
from helpers import train
def run(model, optimizer, loader):
    train(model, optimizer, loader)
## helpers.py
def train(model, optimizer, loader):
    for x, y in loader:
        loss = LOSS
        loss.backward()
        optimizer.step()  # expect: TRN101
""")
    assert found(project.reports(tmp_path)) == project.announced()


def test_the_loop_of_a_file_between_speaks_for_it(tmp_path: Path) -> None:
    project = Project.of("""\
## main.py
# setup
from middle import run
run(model, optimizer, loader)
## middle.py
from helpers import apply
def run(model, optimizer, loader):
    for x, y in loader:
        loss = LOSS
        loss.backward()
        apply(optimizer)  # expect: TRN101
## helpers.py
def apply(o):
    o.step()
""")
    assert found(project.reports(tmp_path)) == project.announced()


def test_a_library_gives_way_only_to_what_lies_beside_the_script(tmp_path: Path) -> None:
    text = """\
## pkg/__init__.py
## pkg/main.py
# setup
from torch.optim import SGD
from selectors import apply
for x, y in loader:
    LOSS.backward()
    apply(optimizer)
## pkg/selectors.py
def apply(o):
    o.step()
## torch/__init__.py
## torch/optim.py
def SGD(*args, **kwargs):
    return None
"""
    assert not found(Project.of(text).reports(tmp_path / "package"))
    script = text.replace("## pkg/__init__.py\n", "").replace("    apply(optimizer)", "    apply(optimizer)  # expect: TRN101")
    project = Project.of(script)
    assert found(project.reports(tmp_path / "script")) == project.announced()


def test_a_package_that_imports_a_name_from_itself_means_its_submodule(tmp_path: Path) -> None:
    project = Project.of("""\
## main.py
# setup
from lib import helpers
for x, y in loader:
    LOSS.backward()
    helpers.apply(optimizer)  # expect: TRN101
## lib/__init__.py
from lib import helpers
## lib/helpers.py
def apply(o):
    o.step()
""")
    reports = project.reports(tmp_path)
    assert {report.files[0].status for report in reports.values()} <= {Status.ANALYSED, Status.SKIPPED}
    assert found(reports) == project.announced()


def test_the_guard_of_another_script_does_not_run(tmp_path: Path) -> None:
    project = Project.of("""\
## main.py
import torch
from other import model, optimizer
for x, y in [(torch.randn(4, 2), torch.randn(4, 1)) for _ in range(3)]:
    LOSS.backward()
    optimizer.step()
    optimizer.zero_grad()
## other.py
# setup
if __name__ == "__main__":
    model = None
    optimizer = None
""")
    assert not found(project.reports(tmp_path))
    guarded = project.files["main.py"].replace("    optimizer.zero_grad()\n", "")
    assert found(Project({**project.files, "main.py": guarded}).reports(tmp_path)) == {("main.py", 5, "TRN101")}


def test_a_file_that_cannot_be_parsed_is_out_of_sight(tmp_path: Path) -> None:
    text = SPLIT.replace("def apply(o):", "def apply(o:").replace("  # expect: TRN101", "")
    reports = Project.of(text).reports(tmp_path)
    assert not reports["main.py"].findings
    assert reports["main.py"].files[0].status is Status.ANALYSED
