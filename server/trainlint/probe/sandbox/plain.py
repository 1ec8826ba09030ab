"""Starts a command on other systems than Linux: with redirection, without, and on macOS in a write fence."""

from __future__ import annotations

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
    return subprocess.Popen(argv, cwd=order.cwd, env=order.env, pass_fds=order.pass_fds, start_new_session=True)
