"""Linux, all levels but the first: the command runs below a keeper, in the fence if the level asks for it.

The keeper doubles the supervisor: orphans below it become its children, so that it can end everything when
somebody kills the supervisor, as the supervisor does when somebody kills the keeper.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading

from . import fence, kernel
from .level import Level
from .order import Entered, Order
from .stage import fork_guarded, hear, say, start, tie_to


def enter(order: Order, scratch: str) -> Entered:
    news, tell = os.pipe()
    supervisor = os.getpid()
    keeper = fork_guarded(lambda: _keep(order, scratch, supervisor, tell), tell)
    os.close(tell)
    hear(news, until="started")
    return Entered(keeper, keeper, news)


def _keep(order: Order, scratch: str, supervisor: int, tell: int) -> None:
    kernel.become_subreaper()
    answer = fence.confine(order, scratch, supervisor) if order.level is Level.FENCE else None
    signal.signal(signal.SIGTERM, lambda *_: _end_all())
    tie_to(supervisor, signal.SIGTERM)
    keeper = os.getpid()

    def before_exec() -> None:
        tie_to(keeper)
        kernel.forbid_core_dumps()

    command = start(order, before_exec)
    if answer is not None:
        threading.Thread(target=answer, daemon=True).start()
    say(tell, "started", True)
    say(tell, "returncode", command.wait())


def _end_all() -> None:
    # The signal may come again: for the supervisor, and for whoever it leaves its orphans to.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    import psutil

    with contextlib.suppress(ChildProcessError):
        while True:
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    process.kill()
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
    os._exit(1)
