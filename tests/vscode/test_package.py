"""What lies in the `.vsix` is what is tested: its server is started from there with every Python there is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from trainlint import __version__

from .conftest import EXTENSION

SILENCE_SECONDS = 60

TRAIN = """\
import torch
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in torch.randn(8, 2, 4):
    loss = (model(x) - y).pow(2).mean()
    loss.backward()
    optimizer.step()
"""


@cache
def pythons() -> dict[str, str]:
    """One interpreter for each supported minor that this machine has, by its version."""
    homes = [
        *Path.home().glob(".pyenv/versions/*/bin"),
        Path("/usr/bin"),
        Path("/usr/local/bin"),
        Path(sys.base_prefix) / "bin",
    ]
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    found: dict[str, str] = {}
    for home in homes:
        interpreter = home / "python3"
        if not interpreter.exists():
            continue
        version = subprocess.run([interpreter, "-I", "-c", question], capture_output=True, text=True, timeout=30).stdout.strip()
        if re.fullmatch(r"3\.1[0-4]", version):
            found.setdefault(version, str(interpreter))
    return dict(sorted(found.items()))


@pytest.fixture(scope="module")
def unpacked(vsix: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(vsix) as archive:
        archive.extractall(folder)
    return folder / "extension"


class Client:
    """An editor that sends one message after the other and waits for the answers."""

    def __init__(self, command: list[str], cwd: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.identifier = 0
        # Ends a server that keeps silent, so that reading from it ends as well.
        self.watchdog = threading.Timer(SILENCE_SECONDS, self.process.kill)
        self.watchdog.start()

    def close(self) -> None:
        self.watchdog.cancel()
        self.process.kill()
        self.process.communicate()

    def send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def ask(self, method: str, params: Any) -> Any:
        self.identifier += 1
        self.send(id=self.identifier, method=method, params=params)
        for message in self.messages():
            if message.get("id") == self.identifier and "method" not in message:
                assert "error" not in message, message
                return message["result"]
            if "id" in message:
                self.send(id=message["id"], result=None)
        raise AssertionError(f"no answer to {method}")

    def messages(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout
        while header := self.process.stdout.readline():
            length = int(header.split(b":")[1])
            while self.process.stdout.readline().strip():
                pass
            yield json.loads(self.process.stdout.read(length))


@pytest.mark.parametrize("version", pythons())
def test_the_packaged_server_answers(version: str, unpacked: Path, tmp_path: Path) -> None:
    """Although the folder it is started in, and the user's path, hold modules of the names of its own."""
    for name in ("typing.py", "attrs.py", "typing_extensions.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('a file of the workspace was run')\n")
    launch = [pythons()[version], "-I", "-S", str(unpacked / "bundled" / "launch.py"), "server"]
    client = Client(launch, tmp_path, {"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)})
    uri = (tmp_path / "train.py").as_uri()
    try:
        pulls = {
            "textDocument": {
                "diagnostic": {},
                "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}},
            }
        }
        client.ask("initialize", {"processId": None, "rootUri": tmp_path.as_uri(), "capabilities": pulls})
        client.send(method="initialized", params={})
        document = {"uri": uri, "languageId": "python", "version": 1, "text": TRAIN}
        client.send(method="textDocument/didOpen", params={"textDocument": document})
        report = client.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        assert [item["code"] for item in report["items"]] == ["TRN101"]
        (finding,) = report["items"]
        actions = client.ask(
            "textDocument/codeAction",
            {"textDocument": {"uri": uri}, "range": finding["range"], "context": {"diagnostics": [finding]}},
        )
        assert any("optimizer.zero_grad()" in action["title"] for action in actions), actions
        client.ask("shutdown", None)
        client.send(method="exit")
        assert client.process.wait(SILENCE_SECONDS) == 0
    finally:
        client.close()


def test_at_least_one_python_is_tried() -> None:
    assert pythons()


def test_the_package_carries_libraries_for_every_supported_python(unpacked: Path) -> None:
    libs = unpacked / "bundled" / "libs"
    for minor in range(10, 15):
        assert list(libs.glob(f"libcst/native.*3{minor}-*")), f"no native libcst for 3.{minor}"
    assert not list(libs.rglob("tests"))
    assert not list(libs.rglob("*.pth"))


def test_the_versions_agree(unpacked: Path) -> None:
    assert json.loads((unpacked / "package.json").read_text("utf-8"))["version"] == __version__
    assert (unpacked / "bundled" / "libs" / f"trainlint-{__version__}.dist-info").is_dir()


def test_the_package_names_no_place_of_the_machine_that_built_it(unpacked: Path) -> None:
    home = str(EXTENSION.parent).encode()
    assert [path for path in unpacked.rglob("*") if path.is_file() and home in path.read_bytes()] == []
