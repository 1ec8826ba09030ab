"""Level 2 on Linux: Landlock around the command and everything it starts, completed by a seccomp filter.

Two processes: the supervisor (outside) and the warden, which binds itself, starts the command and then
answers the calls that the filter puts to it. The filter's listener could not be handed out to the
supervisor: the call that would carry it is itself put to whoever listens.
"""

from __future__ import annotations

import contextlib
import os
import threading

from . import devices, kernel, landlock, seccomp
from .notify import Judge
from .order import Entered, Order
from .stage import fork_guarded, hear, say, start, tie_to

SHARED_MEMORY = "/dev/shm"


def enter(order: Order, scratch: str) -> Entered:
    news, tell = os.pipe()
    supervisor = os.getpid()
    warden = fork_guarded(lambda: _warden(order, scratch, supervisor, tell), tell)
    os.close(tell)
    hear(news, until="started")
    return Entered(warden, warden, news)


def _warden(order: Order, scratch: str, supervisor: int, tell: int) -> None:
    kernel.drop_capabilities()
    tie_to(supervisor)
    landlock.restrict(
        landlock.write_fence([scratch, SHARED_MEMORY, "/dev/pts", "/dev/ptmx", *devices.nodes()])
    )
    version = landlock.abi()
    scoped = version >= landlock.SCOPES
    listener = seccomp.install(seccomp.Wish(truncation=version < landlock.TRUNCATES, signals=not scoped))
    judge = Judge(
        scratch=scratch,
        network=order.network,
        abstract_sockets=scoped,
        is_ours=lambda pid: _descends(pid, supervisor),
    )
    warden = os.getpid()

    def before_exec() -> None:
        tie_to(warden)
        kernel.forbid_core_dumps()

    command = start(order, before_exec)
    threading.Thread(target=judge.serve, args=(listener,), daemon=True).start()
    say(tell, "started", True)
    say(tell, "returncode", command.wait())


def _descends(pid: int, ancestor: int) -> bool:
    with contextlib.suppress(OSError, ValueError):
        while pid > 1:
            if pid == ancestor:
                return True
            with open(f"/proc/{pid}/status") as file:
                pid = next(int(line.split()[1]) for line in file if line.startswith("PPid:"))
    return False
