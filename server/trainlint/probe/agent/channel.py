"""The agent's end of the conversation, on descriptors that the user's code never sees."""

from __future__ import annotations

import contextlib
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

    def wait_until_closed(self, seconds: float) -> None:
        """Wait until the parent has closed its end, for `seconds` at most. Nobody may be listening."""
        thread = threading.Thread(target=self._incoming.read, name="trainlint-channel", daemon=True)
        thread.start()
        thread.join(seconds)

    def forget(self) -> None:
        """In a forked child: close what belongs to the parent."""
        self._incoming.close()
        with contextlib.suppress(OSError):
            os.close(self._outgoing)


def take_standard_streams() -> tuple[int, int]:
    """Keep standard input and output for the conversation and give the script others.

    It reads the end of the file, and everything that Python, C code or a child prints goes to standard error.
    """
    sys.stdout.flush()
    incoming, outgoing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return incoming, outgoing


def take_handles(incoming: int, outgoing: int) -> tuple[int, int]:
    """Descriptors from what the parent passed: on Windows those are handles."""
    if sys.platform == "win32":
        import msvcrt

        return msvcrt.open_osfhandle(incoming, os.O_RDONLY), msvcrt.open_osfhandle(outgoing, os.O_WRONLY)
    return incoming, outgoing
