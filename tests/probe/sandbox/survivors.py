"""Finds processes that carry a mark, and waits for them to be gone."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

import psutil

FAMILY = """
import os, subprocess, sys, time, signal, multiprocessing
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
sleeper = [sys.executable, "-c", "import time; time.sleep(600)", MARK]

def daemon(levels):
    for _ in range(levels):
        if os.fork():
            return
        os.setsid()
    os.closerange(0, 256)
    os.execve(sys.executable, sleeper, {})

daemon(1)
daemon(2)
daemon(3)
subprocess.Popen(["nohup", *sleeper], start_new_session=True, env={}, stdout=subprocess.DEVNULL)
subprocess.Popen(["sh", "-c", "(trap '' TERM; sleep 600 & sleep 600) & # " + MARK])
multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,)).start()
"""
"""Starts daemons of every kind, without environment, without group, deaf to SIGTERM; `SIZE` of them carry
`MARK`.
"""

SIZE = 8


def marked(mark: str) -> list[str]:
    """Command lines of processes that carry the mark in their arguments or environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            line = " ".join(process.cmdline())
            environment = {}
            with contextlib.suppress(psutil.Error):
                environment = process.environ()
            if mark in line or mark in environment.values():
                found.append(f"{process.pid}: {line[:200]}")
    return found


def eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
