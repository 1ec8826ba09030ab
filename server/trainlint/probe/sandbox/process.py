"""A command in a sandbox, seen from trainlint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from types import TracebackType
from typing import IO, Any

from .limits import Limits
from .order import Order
from .plan import Plan

Stream = int | IO[Any] | None

_START = os.path.join(os.path.dirname(os.path.abspath(__file__)), "start.py")
_LOST = {"returncode": -9, "stopped_by": "supervisor lost"}


class SandboxError(Exception):
    """The command could not be started in the sandbox; the text says why."""


class Sandboxed:
    """One command and everything it starts, as a context manager: entering starts it, leaving ends all of it.

    `stdin` (nothing, unless given), `stdout` and `stderr` are as in `subprocess.Popen`; the streams of
    `PIPE` are attributes of the same names. What the command does to descriptors it was given is done to
    what they are open on. `wanted` are paths that it will probably write to; its working directory,
    environment and arguments are looked at anyway.

    After entering, `pid` is that of the supervisor: when it ends, however it ends, so does the command.
    `read_only` lists places that could not be overlaid at level 1: writing there is refused instead of
    redirected.

    After the end, `returncode` is as in `subprocess` (negative: a signal) and `stopped_by` says what ended
    a command that did not end by itself: "wall time", "memory", "scratch size", "terminated" (by
    `terminate`), or "supervisor lost" when somebody killed the supervisor.
    """

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: str | os.PathLike[str],
        env: Mapping[str, str],
        plan: Plan,
        limits: Limits | None = None,
        network: bool = False,
        pass_fds: Sequence[int] = (),
        wanted: Sequence[str] = (),
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = None,
        stderr: Stream = None,
    ) -> None:
        self._order = Order(
            argv=tuple(argv),
            cwd=os.path.abspath(cwd),
            env=dict(env),
            level=plan.level,
            base=plan.scratch_base,
            scratch_in_memory=plan.scratch_in_memory,
            limits=limits or Limits(),
            network=network,
            pass_fds=tuple(pass_fds),
            wanted=tuple(dict.fromkeys((*map(os.path.abspath, wanted), *_named_paths(argv, env)))),
        )
        self._streams = (stdin, stdout, stderr)
        self._life = -1
        self._closing = threading.Lock()
        self._ended: Future[dict[str, Any]] = Future()
        self.read_only: tuple[str, ...] = ()
        self.scratch: str | None = None

    def __enter__(self) -> Sandboxed:
        """Returns once the command runs. Raises `SandboxError` when it cannot."""
        order_end, self._life = os.pipe()
        report, report_end = os.pipe()
        try:
            self._supervisor = _spawn(order_end, report_end, self._order.pass_fds, *self._streams)
        except BaseException:
            os.close(report)
            self.terminate()
            raise
        finally:
            os.close(order_end)
            os.close(report_end)
        self.pid = self._supervisor.pid
        self.stdin = self._supervisor.stdin
        self.stdout = self._supervisor.stdout
        self.stderr = self._supervisor.stderr
        started: Future[dict[str, Any]] = Future()
        threading.Thread(target=self._listen, args=(report, started), daemon=True).start()
        try:
            self._send_order()
            first = started.result()
            if "error" in first:
                raise SandboxError(first["error"])
        except BaseException:
            self._close()
            raise
        self.scratch = first["scratch"]
        self.read_only = tuple(first["read_only"])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    @property
    def returncode(self) -> int | None:
        return self._ended.result()["returncode"] if self._ended.done() else None

    @property
    def stopped_by(self) -> str | None:
        return self._ended.result()["stopped_by"] if self._ended.done() else None

    def poll(self) -> int | None:
        """The return code, None while anything of the command is left."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait (seconds) until nothing of the command is left. Raises `subprocess.TimeoutExpired`."""
        try:
            return int(self._ended.result(timeout)["returncode"])
        except FutureTimeout:
            raise subprocess.TimeoutExpired(list(self._order.argv), timeout or 0) from None

    def terminate(self) -> None:
        """End everything the command started. Returns at once; `wait` returns when it has happened."""
        with self._closing:
            if self._life >= 0:
                os.close(self._life)
            self._life = -1

    def _send_order(self) -> None:
        path = [entry or os.getcwd() for entry in sys.path]
        left = json.dumps({"path": path, "order": self._order.to_json()}).encode() + b"\n"
        with suppress(BrokenPipeError):  # a supervisor that could not start says so by ending
            while left:
                left = left[os.write(self._life, left) :]

    def _listen(self, report: int, started: Future[dict[str, Any]]) -> None:
        with os.fdopen(report, "rb") as messages:
            started.set_result(json.loads(messages.readline() or '{"error": "the supervisor did not start"}'))
            last = messages.readline()
        self._supervisor.wait()
        self._ended.set_result(json.loads(last) if last else _LOST)

    def _close(self) -> None:
        self.terminate()
        self.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _spawn(
    order_end: int, report_end: int, pass_fds: tuple[int, ...], stdin: Stream, stdout: Stream, stderr: Stream
) -> subprocess.Popen[bytes]:
    # -I and -S: neither the user's environment nor a file in the working directory gets a say.
    command = [sys.executable, "-I", "-S", _START]
    if sys.platform == "win32":
        import msvcrt

        if pass_fds:
            raise ValueError("descriptors cannot be passed on Windows; use the standard streams")
        handles = [msvcrt.get_osfhandle(end) for end in (order_end, report_end)]
        for handle in handles:
            os.set_handle_inheritable(handle, True)
        return subprocess.Popen(
            [*command, *map(str, handles)],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            startupinfo=subprocess.STARTUPINFO(lpAttributeList={"handle_list": handles}),
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
    return subprocess.Popen(
        [*command, str(order_end), str(report_end)],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=(order_end, report_end, *pass_fds),
        start_new_session=True,
        cwd="/",
    )


def _named_paths(argv: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Absolute paths that the arguments (`--out=/data/x` too) and the environment name."""
    words = [part for word in argv for part in (word, word.partition("=")[2])]
    return [word for word in (*words, *env.values()) if os.path.isabs(word) and os.pathsep not in word]
