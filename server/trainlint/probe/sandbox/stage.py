"""What the levels that fork share: how a forked stage reports to the supervisor, and how it starts the
command.

Messages are JSON objects with one key, one a line: `read_only`, `init`, `started`, `returncode`, `error`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any, NoReturn

from . import kernel
from .order import Order


class SetupError(Exception):
    """The level could not be entered; the text says which step failed."""


def fork_guarded(body: Callable[[], None], tell: int) -> int:
    """Fork a process that runs `body` and never returns into the code of the process it came from."""
    pid = os.fork()
    if pid == 0:
        _run_guarded(body, tell)
    return pid


def _run_guarded(body: Callable[[], None], tell: int) -> NoReturn:
    try:
        body()
        os._exit(0)
    except BaseException as error:
        text = str(error) if isinstance(error, (OSError, SetupError)) else repr(error)
        try:
            say(tell, "error", text)
        finally:
            os._exit(1)


def say(tell: int, key: str, value: object) -> None:
    os.write(tell, json.dumps({key: value}).encode() + b"\n")


def hear(news: int, until: str) -> dict[str, Any]:
    """All messages up to the one with the key `until`. One byte at a time: what follows stays in the pipe."""
    heard: dict[str, Any] = {}
    while until not in heard:
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = os.read(news, 1)
            if not byte:
                raise SetupError(f"the sandbox ended before it was {until}")
            line += byte
        heard.update(json.loads(line))
        if "error" in heard:
            raise SetupError(heard["error"])
    return heard


def tie_to(parent: int, number: int = signal.SIGKILL) -> None:
    """Get the signal when the parent dies, which the caller knows by its number."""
    kernel.die_with_parent(number)
    if os.getppid() != parent:
        os._exit(1)


def start(order: Order, before_exec: Callable[[], None]) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, then let go of its descriptors, so that whoever reads them
    sees their end when the command ends. `before_exec` runs in the new process.
    """
    try:
        command = subprocess.Popen(
            order.argv,
            cwd=order.cwd,
            env=order.env,
            pass_fds=order.pass_fds,
            start_new_session=True,
            preexec_fn=before_exec,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SetupError(f"cannot start `{order.argv[0]}` in `{order.cwd}`: {error}") from error
    order.release_descriptors()
    return command
