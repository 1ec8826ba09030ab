"""The process between trainlint and a sandboxed command: starts it, watches its limits, ends all of it,
cleans up.

It lives exactly as long as it is needed: until the command ends, a limit is exceeded, or the pipe to
trainlint closes, which happens however trainlint dies. It stands outside the confinement and touches
nothing but scratch.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from . import plain, redirection
from .level import Level
from .order import Entered, Order
from .scratch import MARK, Scratch, delete_stale, free_bytes, stale

if TYPE_CHECKING:
    import psutil

WALL_TIME, MEMORY, SCRATCH_SIZE, TERMINATED = "wall time", "memory", "scratch size", "terminated"

_PAUSE_S, _ALERT_PAUSE_S = 0.25, 0.05
_SCRATCH_PAUSE_S = 0.5
_PATIENCE_S = 20


class Supervisor:
    def __init__(self, order: Order, life: int, report: int) -> None:
        self._order = order
        self._life = life
        self._report = report
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._command: subprocess.Popen[bytes] | None = None
        self._child = 0
        self._status: int | None = None

    def run(self) -> None:
        """Returns when nothing is left of the command, neither process nor file."""
        scratch = Scratch(self._order.base)
        try:
            entered = self._start(scratch.path)
        except Exception as error:
            self._collect()
            self._end_all(scratch.path)
            scratch.delete()
            self._tell(error=str(error) or repr(error))
            return
        self._child = entered.child
        self._collect()
        self._tell(started=entered.inside, scratch=scratch.path, read_only=entered.read_only)
        threading.Thread(target=self._watch_life, daemon=True).start()
        threading.Thread(target=self._sweep, daemon=True).start()
        stopped_by = self._watch(entered, scratch.path)
        self._end_all(scratch.path)
        redirection.remove_shared_memory(scratch.path)
        scratch.delete()
        self._tell(returncode=entered.returncode(self._status), stopped_by=stopped_by)

    def _start(self, scratch: str) -> Entered:
        order = redirection.prepare(self._order, scratch)
        if sys.platform == "linux":
            from . import keeper, kernel, namespaces

            kernel.become_subreaper()
            enter = namespaces.enter if order.level is Level.NAMESPACES else keeper.enter
            entered = enter(order, scratch)
            order.release_descriptors()
            return entered
        try:
            self._command = plain.start(order, scratch)
        except (OSError, subprocess.SubprocessError) as error:
            raise RuntimeError(f"cannot start `{order.argv[0]}` in `{order.cwd}`: {error}") from error
        order.release_descriptors()
        return Entered(self._command.pid, self._command.pid, None)

    def _tell(self, **message: object) -> None:
        with contextlib.suppress(OSError):
            os.write(self._report, json.dumps(message).encode() + b"\n")

    def _watch_life(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(self._life, 1):
                pass
        self.stop()

    def _sweep(self) -> None:
        """Remove what earlier supervisors left that were killed themselves."""
        for path in stale(self._order.base):
            _end_marked(path)
            delete_stale(path)

    def stop(self) -> None:
        self._events.put("stop")

    def _collect(self) -> None:
        threading.Thread(target=self._collect_children, daemon=True).start()

    def _collect_children(self) -> None:
        """Wait for the command and, on Linux, for every orphan below it."""
        if sys.platform != "linux":
            if self._command is not None:
                self._status = self._command.wait()
                self._events.put("ended")
            self._events.put("empty")
            return
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, 0)
                if pid == self._child:
                    self._status = os.waitstatus_to_exitcode(status)
                    self._events.put("ended")
        self._events.put("empty")

    def _watch(self, entered: Entered, scratch: str) -> str | None:
        """Why the command has to be ended; None when it ended by itself."""
        from . import meter

        limits = self._order.limits
        memory_limit = None if limits.memory_mb is None else limits.memory_mb << 20
        scratch_limit = min(limits.scratch_mb << 20, int(free_bytes(scratch) * 0.9))
        own = entered.inside if self._order.scratch_in_memory else None
        end = time.monotonic() + limits.wall_s
        pause, measure_scratch = _ALERT_PAUSE_S, 0.0
        while True:
            with contextlib.suppress(queue.Empty):
                event = self._events.get(timeout=max(0.0, min(pause, end - time.monotonic())))
                if event in ("ended", "empty"):
                    return None
                if event == "stop":
                    return TERMINATED
            if time.monotonic() >= end:
                return WALL_TIME
            processes = _descendants()
            pause = _PAUSE_S
            if memory_limit is not None:
                held = meter.memory(processes, memory_limit)
                if held > memory_limit:
                    return MEMORY
                if held > memory_limit / 2:
                    pause = _ALERT_PAUSE_S
            if (began := time.monotonic()) >= measure_scratch:
                if meter.scratch(scratch, own, processes) > scratch_limit:
                    return SCRATCH_SIZE
                took = time.monotonic() - began
                measure_scratch = time.monotonic() + max(_SCRATCH_PAUSE_S, 20 * took)

    def _end_all(self, scratch: str) -> None:
        """Kill until there is nobody left to kill. A process that hangs in the kernel is given up after a
        while; its scratch is swept by a later run.
        """
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            for process in _descendants():
                _kill(process)
            if sys.platform == "darwin":
                _end_marked(scratch)
            with contextlib.suppress(queue.Empty):
                if self._events.get(timeout=0.01) == "empty":
                    return


def _descendants() -> list[psutil.Process]:
    import psutil

    with contextlib.suppress(psutil.Error):
        return psutil.Process().children(recursive=True)
    return []


def _kill(process: psutil.Process) -> None:
    import psutil

    with contextlib.suppress(psutil.Error):
        process.kill()


def _end_marked(scratch: str) -> None:
    """Kill processes of ours that carry this scratch's mark, wherever they hang in the tree."""
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == scratch:
                process.kill()


def main(life: int, report: int, text: str) -> None:
    supervisor = Supervisor(Order.from_json(text), life, report)
    # Handlers, not SIG_IGN: the command would inherit ignored signals through exec.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: supervisor.stop())
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, lambda *_: None)
    supervisor.run()
    os._exit(0)  # not held up by a sweep that is under way
