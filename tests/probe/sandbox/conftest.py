"""One sandboxed run of all attacks per level, and what is looked at afterwards."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from trainlint.probe.sandbox import Level, Limits, Plan, Sandboxed, choose

from tests.probe.sandbox import attacks, victims

SCRIPT = Path(attacks.__file__)


@dataclass
class Outcomes:
    """What each attack reported, and the account of its victims before and after."""

    reported: dict[str, dict[str, str | None]]
    before: dict[str, dict[str, tuple[object, ...]]]
    after: dict[str, dict[str, tuple[object, ...]]]
    output: str


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
    for name in names:
        victims.make(top / name)
        if name in attacks.LIBRARIES:
            victims.make_numeric(top / name)
        if "huge" in name:
            victims.make_huge(top / name)
    before = {name: victims.snapshot(top / name) for name in names}
    with Sandboxed(
        [sys.executable, str(SCRIPT), str(top), *names],
        cwd=top,
        env={**os.environ, **outside},
        plan=plan,
        limits=Limits(wall_s=100),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as run:
        assert run.stdout is not None
        output = run.stdout.read().decode()
        run.wait()
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
