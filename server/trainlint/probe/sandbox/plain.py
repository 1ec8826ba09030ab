"""Starts a command without stages: levels 3 and none everywhere, and level 2 on macOS."""

from __future__ import annotations

import os
import subprocess
import sys

from .level import Level
from .order import Order


def start(order: Order, scratch: str) -> subprocess.Popen[bytes]:
    """Raises `OSError` or `SubprocessError` when the command cannot be started."""
    argv = order.argv
    if sys.platform == "win32":
        from . import jobobject

        jobobject.end_with_this_process()
        return subprocess.Popen(argv, cwd=order.cwd, env=order.env)
    if sys.platform == "darwin" and order.level is Level.FENCE:
        from . import seatbelt

        argv = seatbelt.wrapped(argv, scratch, network=order.network)
    supervisor = os.getpid()

    def before_exec() -> None:
        if sys.platform == "linux":
            from . import kernel, stage

            stage.tie_to(supervisor)
            kernel.forbid_core_dumps()

    return subprocess.Popen(
        argv,
        cwd=order.cwd,
        env=order.env,
        pass_fds=order.pass_fds,
        start_new_session=True,
        preexec_fn=before_exec,
    )
