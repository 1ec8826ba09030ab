"""One sandboxed run of all attacks per level, and what is looked at afterwards."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import psutil
import pytest
import trainlint
from trainlint.probe.sandbox import Level, Limits, Plan, Sandboxed, choose
from trainlint.probe.sandbox import plan as plan_module

from tests.probe.sandbox import attacks, old_kernel, victims

SCRIPT = Path(attacks.__file__)


@dataclass
class Outcomes:
    """What each attack reported, and the account of its victims before and after."""

    reported: dict[str, dict[str, str | None]]
    before: dict[str, dict[str, tuple[object, ...]]]
    after: dict[str, dict[str, tuple[object, ...]]]
    output: str


@pytest.fixture(scope="session", autouse=True)
def scratches_of_our_own() -> Iterator[None]:
    """Other sandboxes of this user come and go beside the tests; what is left of ours must not be theirs.

    Its path is short: the names of sockets below it must be.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        plan_module._trial.cache_clear()
        yield
    plan_module._trial.cache_clear()


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A process and two sockets outside, by the environment variables that attacks find them with."""
    place = str(tmp_path_factory.mktemp("service") / "socket")
    abstract = f"trainlint-test-{os.getpid()}"
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander,
        socket.socket(socket.AF_UNIX) as service,
        socket.socket(socket.AF_UNIX) as hidden,
    ):
        service.bind(place)
        service.listen()
        hidden.bind("\0" + abstract)
        hidden.listen()
        yield {
            "BYSTANDER": str(bystander.pid),
            "SERVICE_SOCKET": place,
            "ABSTRACT_SOCKET": abstract,
        }
        bystander.kill()


def perform(names: list[str], top: Path, plan: Plan, outside: dict[str, str]) -> Outcomes:
    def run() -> str:
        with Sandboxed(
            [sys.executable, str(SCRIPT), str(top), *names],
            cwd=top,
            env={**os.environ, **outside},
            plan=plan,
            limits=Limits(wall_s=100),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as command:
            assert command.stdout is not None
            return command.stdout.read().decode()

    return watched(names, top, run)


def watched(names: list[str], top: Path, run: Callable[[], str], owner: int | None = None) -> Outcomes:
    """Make victims (somebody else's if there is an `owner`), let `run` attack them, and account for both."""
    for name in names:
        victims.make(top / name)
        if name in attacks.LIBRARIES:
            victims.make_numeric(top / name)
        if "huge" in name:
            victims.make_huge(top / name)
    if owner is not None:
        victims.give(top, owner)
    before = {name: victims.snapshot(top / name) for name in names}
    output = run()
    after = {name: victims.snapshot(top / name) for name in names}
    reported = [json.loads(line) for line in output.splitlines() if line.startswith('{"attack"')]
    return Outcomes({report["attack"]: report for report in reported}, before, after, output)


@pytest.fixture(scope="session")
def namespaces(tmp_path_factory: pytest.TempPathFactory, outside: dict[str, str]) -> Outcomes:
    names = [*attacks.ALL, *attacks.SHELL]
    return perform(names, tmp_path_factory.mktemp("namespaces"), choose(Level.NAMESPACES), outside)


@pytest.fixture(scope="session")
def fence(tmp_path_factory: pytest.TempPathFactory, outside: dict[str, str]) -> Outcomes:
    names = [*attacks.ALL, *attacks.SHELL]
    return perform(names, tmp_path_factory.mktemp("fence"), choose(Level.FENCE), outside)


@pytest.fixture(scope="session")
def redirect(tmp_path_factory: pytest.TempPathFactory, outside: dict[str, str]) -> Outcomes:
    names = [*attacks.PYTHON, *attacks.LIBRARIES]
    return perform(names, tmp_path_factory.mktemp("redirect"), choose(Level.REDIRECT), outside)


@pytest.fixture(scope="session", params=[1, 2])
def old_fence(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, outside: dict[str, str]) -> Outcomes:
    """Level 2 as on kernels whose Landlock knows neither truncation nor signals, the first not even
    renaming.
    """
    names = [*attacks.PYTHON, *attacks.NATIVE]
    top = tmp_path_factory.mktemp("old")
    command = [sys.executable, old_kernel.__file__, str(request.param)]
    env = {**os.environ, **outside, "PYTHONPATH": str(SCRIPT.parents[3])}

    def run() -> str:
        attack = [sys.executable, str(SCRIPT), str(top), *names]
        done = subprocess.run([*command, *attack], cwd=top, env=env, capture_output=True, text=True)
        return done.stdout + done.stderr

    return watched(names, top, run)


@dataclass
class Stranger:
    """A user without privileges, with a directory, a Python and a copy of trainlint that this user may
    read.
    """

    uid: int
    group: int
    directory: Path
    python: str

    def run(self, *command: object, home: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs Python as that user; `group` is a supplementary group."""
        library = self.directory / "library"
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(library), "HOME": str(home or self.directory)}
        options: dict[str, Any] = {"user": self.uid, "group": self.uid, "extra_groups": [self.group]}
        if os.getuid() != 0:
            options = {}
        return subprocess.run(
            [self.python, *map(str, command)],
            env={**env, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=120,
            **options,
        )


@pytest.fixture(scope="session")
def stranger() -> Iterator[Stranger]:
    directory = Path(tempfile.mkdtemp(prefix="trainlint-stranger-"))
    directory.chmod(0o755)
    library = directory / "library"
    for module in (trainlint, psutil, platformdirs):
        source = Path(str(module.__file__)).parent
        shutil.copytree(source, library / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SCRIPT.parent, library / "attacks", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["chmod", "-R", "a+rX", library], check=True)
    uid, group = (23456, 23457) if os.getuid() == 0 else (os.getuid(), os.getgid())
    check = "import sys, trainlint.probe.sandbox; assert sys.version_info >= (3, 10)"
    pythons = [sys.executable, os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3"]
    for python in pythons:
        user = Stranger(uid, group, directory, python)
        try:
            if user.run("-c", check).returncode == 0:
                break
        except OSError:
            continue
    else:
        pytest.fail(f"none of {pythons} can be run by a user without privileges")
    yield user
    shutil.rmtree(directory)
