"""What the agent is built under: old Pythons, nothing but the standard library, and a parent that may vanish."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import trainlint.probe
from trainlint.probe.client import AGENT
from trainlint.probe.protocol import PROTOCOL, Progress, ProtocolError, Ready, Run, Stop, encode, request, split

PROBE = Path(trainlint.probe.__file__).parent
SOURCES = [*sorted((PROBE / "agent").glob("*.py")), PROBE / "protocol.py", PROBE / "observation.py"]
WAITS = "import time\nprint('waiting')\ntime.sleep(600)\n"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_python_3_8_can_read_it(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body) or not any(
        isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in tree.body
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_it_imports_only_itself_the_standard_library_and_the_user_s_torch(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "torch", "_trainlint_probe"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            own = node.level == 1 and path.parent.name == "agent"
            protocol = (node.level == 2 or path.parent.name == "probe") and node.module in ("protocol", "observation")
            assert own or protocol or (node.module or "").split(".")[0] in allowed


def test_before_the_script_has_imported_torch_nothing_of_the_agent_has() -> None:
    code = (
        "import runpy, sys; path = sys.argv[1]; sys.argv = [path, 'probe'];"
        "names = runpy.run_path(path, run_name='imported'); names['_bootstrap']();"
        "import _trainlint_probe.agent.session; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(AGENT)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_importing_trainlint_imports_neither_torch_nor_the_probe() -> None:
    code = "import sys, trainlint; print([name for name in sys.modules if 'torch' in name or 'probe' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


class Agent:
    """The agent as its parent starts it, without a sandbox around it."""

    def __init__(self, script: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(AGENT), "probe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.say(Run(str(script), list(arguments)))

    def say(self, message: Run | Stop) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(encode(message))
        self.process.stdin.flush()

    def hear(self, method: str) -> dict[str, object]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said, params = split(line)
            if said == method:
                return params
        raise AssertionError(f"no {method}")


@pytest.fixture
def waiting(tmp_path: Path) -> Agent:
    script = tmp_path / "waits.py"
    script.write_text(WAITS)
    agent = Agent(script)
    ready = agent.hear("ready")
    assert (ready["protocol"], ready["python"]) == (PROTOCOL, ".".join(map(str, sys.version_info[:3])))
    agent.hear("progress")
    return agent


def test_it_ends_within_a_second_when_its_parent_is_gone(waiting: Agent) -> None:
    assert waiting.process.stdin is not None
    waiting.process.stdin.close()
    waiting.process.wait(60)


def test_it_answers_and_ends_within_a_second_when_told_to_stop(waiting: Agent) -> None:
    waiting.say(Stop())
    result = waiting.hear("result")
    waiting.process.wait(60)
    assert result["observation"]["ended"] == "stopped"  # type: ignore[index]


def test_the_script_s_prints_never_reach_the_conversation(tmp_path: Path) -> None:
    script = tmp_path / "prints.py"
    script.write_text(
        "import os, subprocess, sys\nprint('python')\nos.write(1, b'descriptor\\n')\n"
        "subprocess.run(['echo', 'child'])\nprint(sys.stdin.read() == '')\n"
    )
    agent = Agent(script)
    agent.hear("result")
    _, told = agent.process.communicate(timeout=60)
    assert sorted(told.decode().split()) == ["True", "child", "descriptor", "python"]


def test_a_script_is_run_as_python_would_run_it(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("")
    script = tmp_path / "itself.py"
    script.write_text(
        "import os, sys, beside, __main__\n"
        "assert __name__ == '__main__' and __main__.__file__ == __file__ == sys.argv[0]\n"
        "assert sys.argv[1:] == ['--a', 'b'] and sys.path[0] == os.path.dirname(__file__)\n"
        "assert __spec__ is None and __package__ is None and __doc__ is None\n"
        "import pickle\n"
        "class Thing: pass\n"
        "pickle.loads(pickle.dumps(Thing()))\n"
        "assert not any('trainlint' in path for path in sys.path)\n"
        "print('fine')\n"
    )
    agent = Agent(script, "--a", "b")
    result = agent.hear("result")
    _, told = agent.process.communicate(timeout=60)
    assert told.decode() == "fine\n"
    assert result["observation"]["ended"] == "script"  # type: ignore[index]


def test_messages_survive_the_way_through_a_line() -> None:
    run = Run("train.py", ["--name", "ü\n"], "print('text')", wall_s=None)
    assert request(encode(run)) == run
    assert request(encode(Stop())) == Stop()
    assert split(encode(Progress("step", 1.5, 2, 7))) == ("progress", {"kind": "step", "at_s": 1.5, "count": 2, "line": 7})
    assert encode(Ready(PROTOCOL, "3.8.1", 1)).count(b"\n") == 1


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[1]", b'{"method": "run", "params": {"unknown": 1}}', b'{"method": "dance", "params": {}}']
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        request(line)
