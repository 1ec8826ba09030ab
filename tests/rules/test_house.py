"""The arrows and the "never" list of the architecture, held by what is really imported."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trainlint
from trainlint.rules import RULES

from tests.lsp.raw import REAL, Raw
from tests.rules.cases import ROOT

PACKAGE = Path(trainlint.__file__).parent
RULE_FILES = sorted((PACKAGE / "rules").rglob("*.py"))
SPOKEN = (PACKAGE / "probe" / "protocol.py", PACKAGE / "probe" / "observation.py")
AGENT_FILES = sorted([*(PACKAGE / "probe" / "agent").rglob("*.py"), *SPOKEN])
SERVER_LIBRARIES = {"pygls", "lsprotocol"}
FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "optax", "lightning", "accelerate", "deepspeed"}
UNDER_THE_ENGINE = ("source", "program", "analysis", "rules", "fixes")

SPY = """\
raise SystemExit("this was imported: " + __name__)
"""
TRAINING = """\
from pathlib import Path

import torch

Path("imported").touch()
optimizer = torch.optim.SGD(model.parameters(), lr=0)
for x in loader:
    optimizer.zero_grad
    model(x).sum().backward()
    optimizer.step()
"""


@pytest.fixture
def spied(tmp_path: Path) -> Path:
    """Training code that leaves a trace when it runs, among frameworks that end whoever imports them."""
    for framework in FRAMEWORKS:
        (tmp_path / f"{framework}.py").write_text(SPY)
    (tmp_path / "train.py").write_text(TRAINING)
    return tmp_path


def test_check_loads_neither_a_framework_nor_a_server() -> None:
    fixture = ROOT / "TRN101" / "script_sgd.bad.py"
    program = f"""
import sys
from trainlint.engine import check
from trainlint.source.document import Document
assert check(Document("fixture.py", open({str(fixture)!r}).read())).findings
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(run.stdout.split()) & (SERVER_LIBRARIES | FRAMEWORKS)


@pytest.mark.parametrize(
    "command",
    [
        ["check", "train.py"],
        ["check", "--diff", "--unsafe-fixes", "train.py"],
        ["check", "--fix", "--unsafe-fixes", "train.py"],
        ["explain", "train.py:8"],
    ],
    ids=" ".join,
)
def test_no_command_imports_or_runs_what_it_reads(spied: Path, command: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "trainlint", *command],
        cwd=spied,
        env={**os.environ, "PYTHONPATH": str(spied)},
        capture_output=True,
        text=True,
    )
    assert run.returncode in (0, 1), run.stderr
    assert "this was imported" not in run.stderr
    assert not (spied / "imported").exists()


def test_the_server_imports_and_runs_nothing_of_the_user(spied: Path) -> None:
    file = spied / "train.py"
    literals = {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": [""]}}}
    capabilities = {"textDocument": {"codeAction": literals, "hover": {}}}
    here = {"textDocument": {"uri": file.as_uri()}, "position": {"line": 7, "character": 8}}
    with Raw(REAL, cwd=spied, env={"PYTHONPATH": str(spied)}) as client:
        client.initialize(capabilities)
        client.open(file.as_uri(), TRAINING)
        published = client.wait_for("textDocument/publishDiagnostics")["params"]["diagnostics"]
        assert {diagnostic["code"] for diagnostic in published} == {"TRN108", "TRN401"}
        assert client.call("textDocument/hover", here)["result"]
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 0}}
        context = {"diagnostics": published}
        asked = {"textDocument": here["textDocument"], "range": whole, "context": context}
        assert client.call("textDocument/codeAction", asked)["result"]
        client.call("shutdown")
        client.notify("exit")
        assert client.exit_status() == 0
        assert "this was imported" not in client.stderr()
    assert not (spied / "imported").exists()


@pytest.mark.parametrize("folder", UNDER_THE_ENGINE)
def test_nothing_under_the_engine_can_import_a_framework_or_a_server(folder: str) -> None:
    for path in (PACKAGE / folder).rglob("*.py"):
        assert not set(imported(path)) & (SERVER_LIBRARIES | FRAMEWORKS), path


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_rules_do_not_walk_the_tree(path: Path) -> None:
    used = {
        node.attr
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ast"
    }
    assert used <= {"AST", "unparse"}, "a rule reads facts"
    assert "from ast import" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_rules_name_no_framework(path: Path) -> None:
    """Documentation may name one: that is the module's docstring, which holds the links as well."""
    module = tree(path)
    if ast.get_docstring(module) is not None:
        del module.body[0]
    words = {word for node in ast.walk(module) for word in text_of(node)}
    assert not words & FRAMEWORKS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_is_one_short_function(rule: object) -> None:
    (check,) = (
        node
        for node in tree(Path(sys.modules[rule.check.__module__].__file__)).body  # type: ignore[attr-defined, arg-type]
        if isinstance(node, ast.FunctionDef) and node.name == "check"
    )
    assert check.end_lineno is not None
    assert check.end_lineno - check.lineno < 60


@pytest.mark.parametrize("path", AGENT_FILES, ids=lambda path: path.stem)
def test_the_agent_stands_alone(path: Path) -> None:
    """In the user's interpreter there is only the agent and its protocol."""
    allowed = {*SPOKEN, *(PACKAGE / "probe" / "agent").rglob("*.py")}
    for target in own_modules(path):
        assert target in allowed or target.parent == PACKAGE / "probe" / "agent", f"{path} imports {target}"


def test_import_contracts() -> None:
    """Layers as pyproject.toml states them."""
    command = str(Path(sys.executable).with_name("lint-imports"))
    run = subprocess.run([command], cwd=PACKAGE.parents[1], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """The top-level packages a file imports, anywhere in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).partition(".")[0]


def own_modules(path: Path) -> Iterator[Path]:
    """The files of this package that a file imports."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1]
            base = folder.joinpath(*(node.module or "").split(".")) if node.module else folder
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "trainlint":
            base = PACKAGE.parent.joinpath(*str(node.module).split("."))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "trainlint":
                    yield PACKAGE.parent.joinpath(*alias.name.split(".")).with_suffix(".py")
            continue
        else:
            continue
        if base.with_suffix(".py").is_file():
            yield base.with_suffix(".py")
        for alias in node.names if base.is_dir() else ():
            yield (base / alias.name).with_suffix(".py")


def text_of(node: ast.AST) -> Iterator[str]:
    """The words of a node: its names, and the words of its strings."""
    for value in (getattr(node, field, None) for field in ("id", "attr", "arg", "name", "value", "module")):
        if isinstance(value, str):
            yield from value.replace("_", " ").replace(".", " ").replace("`", " ").lower().split()
