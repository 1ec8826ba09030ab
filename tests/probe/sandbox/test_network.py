"""No address beyond this machine, whatever code asks for it, unless the network was asked for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from trainlint.probe.sandbox import Level, Limits, Sandboxed, choose

BEYOND = "192.0.2.1"
"""An address that no machine has (RFC 5737): reaching out for it ends in a timeout, if it is not refused."""

ATTEMPTS = {
    "connect": f"socket.create_connection(({BEYOND!r}, 80), 3)",
    "connect-6": "socket.create_connection(('2001:db8::1', 80), 3)",
    "connect-mapped": f"socket.create_connection(('::ffff:{BEYOND}', 80), 3)",
    "datagram": f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ({BEYOND!r}, 53))",
    "connected-datagram": f"socket.socket(type=socket.SOCK_DGRAM).connect(({BEYOND!r}, 53))",
    "message": f"socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ({BEYOND!r}, 53))",
    "fast-open": f"socket.socket().sendto(b'x', 0x20000000, ({BEYOND!r}, 80))",
}


def outcome(level: Level, code: str, cwd: Path, *, network: bool = False, isolated: bool = True) -> str:
    """`isolated` keeps the redirection out, so that the kernel alone decides."""
    script = f"""
import errno, os, socket
try:
    {code}
except OSError as error:
    print(errno.errorcode.get(error.errno, error.errno), error)
else:
    print("reached")
"""
    with Sandboxed(
        [sys.executable, *(["-I"] if isolated else []), "-c", script],
        cwd=cwd,
        env=dict(os.environ),
        plan=choose(level, network=network),
        limits=Limits(wall_s=30),
        network=network,
        stdout=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        return command.stdout.read().decode().strip()


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a server of this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("level", [Level.NAMESPACES, Level.FENCE])
def test_the_kernel_refuses(level: Level, attempt: str, tmp_path: Path) -> None:
    assert outcome(level, ATTEMPTS[attempt], tmp_path).split()[0] in {"ENETUNREACH", "EADDRNOTAVAIL"}


@pytest.mark.parametrize("level", [Level.NAMESPACES, Level.FENCE])
def test_other_families_and_rings_are_shut(level: Level, tmp_path: Path) -> None:
    virtual = outcome(level, "socket.socket(40, socket.SOCK_STREAM).connect((2, 1))", tmp_path)
    assert virtual.split()[0] in {"EAFNOSUPPORT", "ENODEV", "ECONNRESET", "EPERM"}


@pytest.mark.parametrize("isolated", [True, False])
def test_level_1_has_a_loopback_of_its_own(server: int, tmp_path: Path, isolated: bool) -> None:
    attempt = f"socket.create_connection(('127.0.0.1', {server}))"
    assert outcome(Level.NAMESPACES, attempt, tmp_path, isolated=isolated).startswith("ECONNREFUSED")


@pytest.mark.parametrize("isolated", [True, False])
@pytest.mark.parametrize("level", [Level.FENCE, Level.REDIRECT])
def test_the_loopback_of_this_machine_is_open_at_the_others(level: Level, server: int, tmp_path: Path, isolated: bool) -> None:
    attempt = f"socket.create_connection(('127.0.0.1', {server}))"
    assert outcome(level, attempt, tmp_path, isolated=isolated) == "reached"


@pytest.mark.parametrize("level", [Level.NAMESPACES, Level.FENCE, Level.REDIRECT])
def test_a_network_that_was_asked_for_is_there(level: Level, server: int, tmp_path: Path) -> None:
    attempt = f"socket.create_connection(('127.0.0.1', {server}))"
    assert outcome(level, attempt, tmp_path, network=True) == "reached"


@pytest.mark.parametrize("level", [Level.NAMESPACES, Level.FENCE])
def test_a_network_that_was_asked_for_opens_no_service(level: Level, outside: dict[str, str], tmp_path: Path) -> None:
    for address in (outside["SERVICE_SOCKET"], "\0" + outside["ABSTRACT_SOCKET"]):
        attempt = f"socket.socket(socket.AF_UNIX).connect({address!r})"
        said = outcome(level, attempt, tmp_path, network=True)
        assert said.split()[0] in {"EACCES", "EPERM", "ECONNREFUSED"}, address


@pytest.mark.parametrize("level", [Level.FENCE, Level.REDIRECT])
def test_python_is_told_what_to_do(level: Level, tmp_path: Path) -> None:
    attempt = "import urllib.request; urllib.request.urlopen('http://example.com')"
    assert "the sandbox has no network; --network opens it" in outcome(level, attempt, tmp_path, isolated=False)


@pytest.mark.parametrize("level", [Level.NAMESPACES, Level.FENCE, Level.REDIRECT])
def test_processes_of_a_run_talk_to_each_other(level: Level, tmp_path: Path) -> None:
    """As data loaders and parallel training do: local sockets with descriptors, loopback, managers."""
    code = """
import multiprocessing, torch
from multiprocessing.connection import Client, Listener

def dial(address, queue, done):
    with Client(address) as connection:
        connection.send("hello")
    queue.put(torch.ones(3))
    done.wait(30)

if __name__ == "__main__":
    for family in ("AF_UNIX", "AF_INET"):
        listener = Listener(family=family)
        queue, done = torch.multiprocessing.Queue(), multiprocessing.Event()
        process = multiprocessing.Process(target=dial, args=(listener.address, queue, done))
        process.start()
        with listener.accept() as connection:
            assert connection.recv() == "hello"
        assert queue.get().sum() == 3
        done.set()
        process.join()
    with multiprocessing.Manager() as manager:
        manager.list([1]).append(2)
    store = torch.distributed.TCPStore("localhost", 0, is_master=True)
    store.set("key", "value")
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    torch.distributed.all_reduce(torch.ones(1))
    torch.distributed.destroy_process_group()
"""
    script = tmp_path / "talk.py"
    script.write_text(code)
    with Sandboxed(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=dict(os.environ),
        plan=choose(level),
        limits=Limits(wall_s=60),
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stderr is not None
        said = command.stderr.read().decode()
        assert command.wait() == 0, said
