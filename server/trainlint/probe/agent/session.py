"""One run of one script under the agent, from the first message to the last."""

from __future__ import annotations

import os
import platform
import signal
import sys
import threading
import time
import traceback
from typing import Any, NoReturn

from ..observation import ErrorSeen, Observation
from ..protocol import PROTOCOL, REACHED, Progress, Ready, Result, Run
from . import script
from .channel import Channel
from .imports import AfterImport

_EVENT_S = 0.2
"""Least time between two progress messages of one kind."""

_HEARD_S = 2.0
"""How long a watched script that failed waits for its report to be printed, so that its traceback comes last."""


class Session:
    """Runs the script, listens to the parent and answers once.

    While probing, the answer ends the process at once, so that no `finally`, no `atexit` and no handler of
    the script has a say. While watching, the script goes on.
    """

    def __init__(self, channel: Channel, run: Run) -> None:
        self._channel = channel
        self._run = run
        self._started = time.monotonic()
        self._recorder: Any = None
        self._attachment: Any = None
        self._answered = threading.Lock()
        self._last_event: dict[str, float] = {}
        self._import = AfterImport("torch", self._attach)

    def start(self) -> None:
        """Run the script to its end or the verdict's. Returns while watching, after a
        script without error.
        """
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._in_child)
        if not self._run.watch:
            self._channel.listen(self._stop, lambda: os._exit(3))
        if self._run.wall_s is not None:
            timer = threading.Timer(self._run.wall_s, self._wall)
            timer.daemon = True
            timer.start()
        self._progress(Progress("start", 0.0))
        self._import.install()
        ending = script.run(self._run.script, self._run.arguments, self._run.source)
        self._import.remove()
        kind = "script" if ending.exception is None else "exit" if ending.exit else "error"
        self._finish(kind, ending.error)
        if self._attachment is not None:
            self._attachment.detach()
        if ending.exception is not None:
            self._channel.wait_until_closed(_HEARD_S)
            _leave_as_python_would(ending.exception)
        return None

    def _attach(self) -> None:
        """The script has imported torch: only now may the agent's own modules do so."""
        torch = sys.modules["torch"]
        if not hasattr(sys.modules.get("torch.optim.optimizer"), "register_optimizer_step_pre_hook"):
            self._finish("error", ErrorSeen("TorchTooOld", str(torch.__version__), [], "attach"))
            return
        try:
            self._hook()
        except Exception:
            seconds = time.monotonic() - self._started
            self._done(Observation("torch", "fault", seconds), traceback.format_exc())

    def _hook(self) -> None:
        from .hooks import Attachment
        from .recorder import Recorder

        if self._run.device == "cpu":
            from .devices import only_cpu

            only_cpu()
        self._recorder = Recorder(self._run.backwards, self._done, self._progress, self._started)
        self._attachment = Attachment(self._recorder)
        self._attachment.attach()

    def _finish(self, ended: str, error: ErrorSeen | None = None, limit: str | None = None) -> None:
        if self._recorder is not None:
            self._recorder.finish(ended, limit, error)
        else:
            seconds = time.monotonic() - self._started
            self._done(Observation(REACHED[0], ended, seconds, limit, error=error), None)

    def _done(self, observation: Observation, fault: str | None) -> None:
        if not self._answered.acquire(blocking=False):
            return
        try:
            self._channel.send(Result(observation, fault))
        except Exception:
            fault = (fault or "") + traceback.format_exc()
            self._channel.send(Result(Observation(observation.reached, "fault", observation.seconds), fault))
        if not self._run.watch:
            os._exit(0)

    def _progress(self, event: Progress) -> None:
        now = time.monotonic()
        if now - self._last_event.get(event.kind, -_EVENT_S) >= _EVENT_S:
            self._last_event[event.kind] = now
            self._channel.send(event)

    def _stop(self) -> None:
        self._finish("stopped")

    def _wall(self) -> None:
        self._finish("limit", limit="wall-time")

    def _in_child(self) -> None:
        """A forked child of the script is not watched."""
        self._answered = threading.Lock()
        self._answered.acquire()
        self._channel.forget()
        if self._recorder is not None:
            self._recorder.over = True
            self._attachment.detach()


def _leave_as_python_would(exception: BaseException) -> NoReturn:
    """End the process as an uncaught exception ends `python SCRIPT`."""
    if isinstance(exception, SystemExit):
        raise exception.with_traceback(None)
    exception.__traceback__ = script.stripped(exception.__traceback__)
    sys.excepthook(type(exception), exception, exception.__traceback__)
    if isinstance(exception, KeyboardInterrupt) and os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    raise SystemExit(1)


def main(incoming: int, outgoing: int) -> None:
    """Greet the parent, take its request and run it."""
    channel = Channel(incoming, outgoing)
    channel.send(Ready(PROTOCOL, platform.python_version(), os.getpid()))
    run = channel.first()
    if run is not None:
        Session(channel, run).start()
