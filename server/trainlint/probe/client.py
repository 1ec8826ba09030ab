"""The parent's side of a probe: starts the agent in the sandbox, listens, stops it, and answers with a
report.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ..cancel import CancelFlag
from .decoding import decode
from .failures import Setting
from .observation import ErrorSeen, Observation
from .protocol import BACKWARDS, PROTOCOL, Progress, ProtocolError, Ready, Result, Run, Stop, encode, split
from .sandbox import Level, Limits, Plan, Sandboxed, SandboxError, choose
from .spans import Sources
from .verdict import Circumstances, ProbeReport, conclude

AGENT = Path(__file__).parent / "agent" / "__main__.py"

READY_S = 30.0
"""How long the user's interpreter may take to start the agent; torch is not imported yet."""

GRACE_S = 5.0
"""How long the agent may take to answer after its own limit, before it is ended from outside."""

_OUTPUT = 64 * 1024
_POLL_S = 0.05

_TRACKERS_OFF = {
    "MPLBACKEND": "Agg",
    "WANDB_MODE": "disabled",
    "WANDB_SILENT": "true",
    "COMET_MODE": "disabled",
    "COMET_LOGGING_CONSOLE": "error",
    "NEPTUNE_MODE": "debug",
    "CLEARML_OFFLINE_MODE": "1",
    "CLEARML_LOG_MODEL": "0",
    "DISABLE_MLFLOW_INTEGRATION": "TRUE",
    "AIM_UI_TELEMETRY_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
    "SWANLAB_MODE": "disabled",
    "TRAINLINT_PROBE": "1",
}
"""Windows, trackers and progress bars have switches of their own; a probe leaves no trace in anybody's
records.
"""


@dataclass(frozen=True)
class Request:
    """What to probe, paths from the working directory of this process. `text` is the script's text where the
    editor holds another than the file.

    `wall_s` seconds for the script, `memory_mb` for all its processes, `scratch_mb` for what it writes,
    `backwards` without a step that counts.
    """

    script: str
    arguments: tuple[str, ...] = ()
    python: str = sys.executable
    cwd: str | None = None
    text: str | None = None
    device: str | None = None
    network: bool = False
    wall_s: float = 60.0
    memory_mb: int | None = None
    scratch_mb: int = 2048
    backwards: int = BACKWARDS
    level: Level | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> str:
        return os.path.abspath(self.cwd or os.getcwd())


class ProbeError(Exception):
    """The probe could not be made; the sentence is for the user."""


class ProbeBusy(ProbeError):
    """Another probe of this process is running."""


_one_at_a_time = threading.Lock()


def probe(
    request: Request,
    progress: Callable[[Progress], None] | None = None,
    cancel: CancelFlag | None = None,
) -> ProbeReport:
    """Run the script in the sandbox until the verdict is in. Blocks; `progress` is called from this thread.

    After `cancel` the report says what was seen so far. Raises `ProbeBusy`, and `ProbeError` for an
    interpreter or a sandbox that does not start.
    """
    if not _one_at_a_time.acquire(blocking=False):
        raise ProbeBusy("another probe is running: wait for it or cancel it")
    try:
        plan = choose(request.level, network=request.network, cwd=request.directory)
        return _Conversation(request, plan, progress or (lambda event: None), cancel or CancelFlag()).hold()
    finally:
        _one_at_a_time.release()


def environment(request: Request) -> dict[str, str]:
    """The user's environment with trackers, windows and, where asked for, accelerators switched off."""
    changed = {**os.environ, **_TRACKERS_OFF, **request.environment}
    if request.device == "cpu":
        changed.update(CUDA_VISIBLE_DEVICES="", HIP_VISIBLE_DEVICES="", ACCELERATE_USE_CPU="true")
    return changed


def named_paths(request: Request) -> list[str]:
    """What the script's arguments may name, ``--out=results`` too, from its working directory: it may write there."""
    words = [part for word in request.arguments for part in (word, word.partition("=")[2])]
    return [os.path.join(request.directory, word) for word in words if os.sep in word]


class _Conversation:
    """One agent from its start to its end."""

    def __init__(self, request: Request, plan: Plan, progress: Callable[[Progress], None], cancel: CancelFlag) -> None:
        self._request = request
        self._plan = plan
        self._progress = progress
        self._cancel = cancel
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._output = Tail(_OUTPUT)
        self._last: Progress | None = None
        self._ready = False
        self._timed_out = False
        self._cancelled_at: float | None = None

    def hold(self) -> ProbeReport:
        request = self._request
        argv = [request.python, "-u", "-X", "utf8", str(AGENT), "probe"]
        limits = Limits(
            wall_s=request.wall_s + READY_S + GRACE_S,
            memory_mb=request.memory_mb,
            scratch_mb=request.scratch_mb,
        )
        pipe = subprocess.PIPE
        try:
            with Sandboxed(
                argv,
                cwd=request.directory,
                env=environment(request),
                plan=self._plan,
                limits=limits,
                network=request.network,
                wanted=named_paths(request),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
            ) as process:
                result = self._talk(process)
        except SandboxError as error:
            if shutil.which(os.path.join(request.directory, request.python)) or shutil.which(request.python):
                raise ProbeError(f"{request.python} could not be started in the sandbox: {error}") from error
            advice = "no program is there that can be run; choose the interpreter with `--python`"
            raise ProbeError(f"{request.python} could not be started: {advice}") from error
        return self._report(result, process.stopped_by)

    def _talk(self, process: Sandboxed) -> Result | None:
        assert process.stdout is not None
        assert process.stderr is not None
        threading.Thread(target=self._read, args=(process.stdout,), daemon=True).start()
        drained = threading.Thread(target=self._output.drain, args=(process.stderr,), daemon=True)
        drained.start()
        request = self._request
        self._say(
            process,
            Run(
                os.path.abspath(request.script),
                list(request.arguments),
                request.text,
                False,
                request.wall_s,
                request.backwards,
                request.device,
            ),
        )
        started = time.monotonic()
        while True:
            now = time.monotonic()
            if self._cancel.cancelled and self._cancelled_at is None:
                self._cancelled_at = now
                self._say(process, Stop())
            if self._over(now, started):
                self._timed_out = True
                return None
            try:
                line = self._lines.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if line is None:
                process.wait()
                drained.join(1.0)
                return None
            try:
                result = self._hear(line)
            except ProtocolError:
                if self._ready:
                    continue  # not of the agent: the script writes to every descriptor that it finds
                raise
            if result is not None:
                drained.join(0.2)
                return result

    def _over(self, now: float, started: float) -> bool:
        """Whether the agent has had its chance to answer."""
        if self._cancelled_at is not None and now - self._cancelled_at > 1.0:
            return True
        allowed = self._request.wall_s + GRACE_S if self._ready else READY_S
        return now - started > allowed + (READY_S if self._ready else 0.0)

    def _hear(self, line: bytes) -> Result | None:
        method, params = split(line)
        if method == "ready":
            ready = decode(Ready, params)
            if ready.protocol != PROTOCOL:
                raise ProbeError(f"the agent speaks version {ready.protocol} of the protocol, not {PROTOCOL}")
            self._ready = True
        elif method == "progress":
            self._last = decode(Progress, params)
            self._progress(self._last)
        elif method == "result":
            return decode(Result, params)
        return None

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)

    def _say(self, process: Sandboxed, message: Run | Stop) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(encode(message))
            process.stdin.flush()
        except OSError:
            pass

    def _report(self, result: Result | None, stopped_by: str | None) -> ProbeReport:
        request = self._request
        observation = result.observation if result else self._unanswered(stopped_by)
        limit = {"memory": "memory", "scratch size": "scratch"}.get(stopped_by or "")
        return conclude(
            observation,
            Circumstances(
                setting=Setting(
                    request.script,
                    request.directory,
                    request.python,
                    request.network,
                    self._plan.level is not Level.NONE,
                    request.device,
                ),
                sources=Sources(request.script, request.text),
                sandbox={
                    "level": self._plan.level.value,
                    "reason": self._plan.reason,
                    "network": request.network,
                },
                timeout_s=request.wall_s,
                stopped_by=limit,
                limit_mb={"memory": request.memory_mb, "scratch": request.scratch_mb}.get(limit or ""),
                output=self._output.text(),
                fault=result.fault if result else None,
            ),
        )

    def _unanswered(self, stopped_by: str | None) -> Observation:
        """What is known of an agent that ended, or was ended, without an answer."""
        last = self._last
        reached, seconds = (last.kind, last.at_s) if last else ("start", 0.0)
        if self._cancelled_at is not None:
            return Observation(reached, "stopped", seconds)
        if stopped_by in ("memory", "scratch size"):
            return Observation(reached, "limit", seconds, stopped_by.partition(" ")[0])
        if self._timed_out or stopped_by == "wall time":
            return Observation(reached, "limit", seconds, "wall-time")
        if not self._ready:
            message = self._output.text().strip().splitlines()
            raise ProbeError(f"{self._request.python} did not start the agent: {message[-1] if message else 'no output'}")
        error = ErrorSeen("ProcessEnded", self._last_words(), [], "run")
        return Observation(reached, "error", seconds, error=error)

    def _last_words(self) -> str:
        lines = self._output.text().strip().splitlines()
        return lines[-1] if lines else ""


class Tail:
    """The end of a stream, read to its end so that the writer never waits."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._data = bytearray()
        self._lock = threading.Lock()

    def drain(self, stream: IO[bytes]) -> None:
        while True:
            try:
                data = os.read(stream.fileno(), 1 << 16)
            except (OSError, ValueError):
                return
            if not data:
                return
            with self._lock:
                self._data += data
                del self._data[: -self._size]

    def text(self) -> str:
        with self._lock:
            return bytes(self._data).decode(errors="replace")
