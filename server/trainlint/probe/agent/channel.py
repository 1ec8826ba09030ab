"""The agent's end of the conversation, on descriptors that the user's code never sees."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from typing import Callable

from ..protocol import Progress, ProtocolError, Ready, Result, Run, Stop, encode, request


class Channel:
    """Reads requests from one descriptor and writes messages to another. A parent that is gone
    is no error.
    """

    def __init__(self, incoming: int, outgoing: int) -> None:
        for descriptor in (incoming, outgoing):
            os.set_inheritable(descriptor, False)
        self._incoming = os.fdopen(incoming, "rb", buffering=0)
        self._outgoing = outgoing
        self._lock = threading.Lock()
        self._owner = os.getpid()

    def send(self, message: Ready | Progress | Result) -> None:
        if os.getpid() != self._owner:
            return
        data = encode(message)
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._outgoing, data) :]
            except OSError:
                pass

    def first(self) -> Run | None:
        """The request to run; None where the parent left without one. Raises `ProtocolError`."""
        line = self._incoming.readline()
        if not line:
            return None
        message = request(line)
        if not isinstance(message, Run):
            raise ProtocolError("nothing to run yet")
        return message

    def listen(self, stop: Callable[[], None], gone: Callable[[], None]) -> None:
        """Call `stop` when the parent asks for it and `gone` when the parent is gone, from a thread of its
        own.
        """

        def wait() -> None:
            while True:
                line = self._incoming.readline()
                if not line:
                    gone()
                    return
                try:
                    if isinstance(request(line), Stop):
                        stop()
                except ProtocolError:
                    continue

        threading.Thread(target=wait, name="trainlint-channel", daemon=True).start()

    def forget(self) -> None:
        """In a forked child: close what belongs to the parent."""
        for descriptor in (self._incoming.fileno(), self._outgoing):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def silence_input() -> None:
    """A script that asks for input gets the end of the file, not the conversation."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")


def capture_output(descriptor: int) -> None:
    """Send everything that Python, C code and children print to `descriptor`."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
