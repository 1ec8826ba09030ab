"""The server as a process: its streams, what it may import, and every way it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

import psutil
from pygls.io_ import StdinAsyncReader, run_async

if TYPE_CHECKING:
    from .connection import Connection

PARENT_POLL_SECONDS = 2.0
LAST_WORD_SECONDS = 2.0
"""How long a stuck analysis may keep the process after the session has ended."""

INTERRUPTED = 130

logger = logging.getLogger(__name__)


def drop_working_directory(paths: list[str]) -> None:
    """Take the folder the process runs in out of `paths`, the import path.

    An editor starts the server in the user's workspace, where a `typing.py` or `torch.py` may lie. The entry
    stays where trainlint itself is imported from it.
    """
    here = os.path.realpath(os.getcwd())
    home = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
    if here != home:
        paths[:] = [path for path in paths if path and os.path.realpath(path) != here]


def take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Handles for the protocol that nobody else has; whatever is printed from here on goes to stderr."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return reader, writer


class _Writer:
    """Writes until the client is gone; then the session is over."""

    def __init__(self, stream: BinaryIO, lost: asyncio.Event) -> None:
        self._stream = stream
        self._lost = lost

    def write(self, data: bytes) -> None:
        try:
            self._stream.write(data)
            self._stream.flush()
        except (OSError, ValueError):
            self._lost.set()

    def close(self) -> None:
        with suppress(OSError):
            self._stream.close()


def serve(server: Connection, stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Serve one client until it says ``exit``, its stream ends or its process dies.

    Answers the exit status: 0 after ``shutdown``, else 1.
    """

    async def session() -> int:
        await converse(server, stdin, stdout)
        status = 0 if server.protocol.is_shut_down else 1
        threading.Thread(target=_leave, args=(status,), daemon=True).start()
        return status

    try:
        return asyncio.run(session())
    except KeyboardInterrupt:
        # The thread that reads would have to be waited for until somebody closes the stream.
        os._exit(INTERRUPTED)


async def converse(server: Connection, stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Exchange messages until the client leaves, its stream ends, or it cannot be written to."""
    over = asyncio.Event()
    stop = threading.Event()
    watches: list[asyncio.Task[None]] = []

    def leave() -> None:
        stop.set()
        over.set()

    def watch(client: int) -> None:
        # A client that cannot be seen lives outside of the server's container; its stream will tell.
        with suppress(psutil.NoSuchProcess):
            watches.append(asyncio.create_task(_until_gone(psutil.Process(client), over)))

    server.watch = watch
    server.protocol.on_exit = leave
    server.protocol.set_writer(_Writer(stdout, over))
    reader = StdinAsyncReader(stdin, ThreadPoolExecutor(1, thread_name_prefix="trainlint-stdin"))
    reading = asyncio.create_task(run_async(stop, reader, server.protocol, logger, _log))
    reading.add_done_callback(lambda _: over.set())
    await over.wait()
    server.stop()


def _log(error: Exception, source: object) -> None:
    logger.error("a message of the client was not understood: %s", error)


async def _until_gone(client: psutil.Process, over: asyncio.Event) -> None:
    """Set `over` when `client` ends."""
    with suppress(psutil.NoSuchProcess):
        while client.is_running() and client.status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(PARENT_POLL_SECONDS)
    over.set()


def _leave(status: int) -> None:
    """End the process although a thread hangs: in reading a stream that nobody closes, or in an analysis."""
    time.sleep(LAST_WORD_SECONDS)
    os._exit(status)
