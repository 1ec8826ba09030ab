"""Level 2 on Linux: Landlock around the command and everything it starts, completed by a seccomp filter."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from . import devices, kernel, landlock, seccomp
from .notify import Judge
from .order import Order

_WRITABLE = ("/dev/shm", "/dev/pts", "/dev/ptmx")


def confine(order: Order, scratch: str, supervisor: int) -> Callable[[], None]:
    """Bind this process and all that it starts from now on. The returned function answers the calls that
    the filter puts to us, until nobody is left to ask.

    Not the supervisor but a process inside answers: the listener cannot be handed out, since the call that
    would carry it is itself put to whoever listens.
    """
    kernel.drop_capabilities()
    landlock.restrict(landlock.write_fence([scratch, *_WRITABLE, *devices.nodes()]))
    version = landlock.abi()
    scoped = version >= landlock.SCOPES
    listener = seccomp.install(seccomp.Wish(truncation=version < landlock.TRUNCATES, signals=not scoped))
    judge = Judge(
        scratch=scratch,
        network=order.network,
        abstract_sockets=scoped,
        is_ours=lambda pid: _descends(pid, supervisor),
    )
    return lambda: judge.serve(listener)


def _descends(pid: int, ancestor: int) -> bool:
    with contextlib.suppress(OSError, ValueError):
        while pid > 1:
            if pid == ancestor:
                return True
            with open(f"/proc/{pid}/status") as file:
                pid = next(int(line.split()[1]) for line in file if line.startswith("PPid:"))
    return False
