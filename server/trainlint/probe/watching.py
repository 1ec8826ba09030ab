"""The parent's side of a watch: the user's own run with the agent attached for its first steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from .client import AGENT, ProbeError, Request
from .decoding import decode
from .failures import Setting
from .protocol import Result, Run, encode, split
from .spans import Sources
from .verdict import Circumstances, ProbeReport, conclude


def watch(request: Request, report: Callable[[ProbeReport], None]) -> tuple[int, ProbeReport | None]:
    """Run the script with its own streams, files, devices and network, and `report` once its first steps are
    seen.

    Returns the script's exit status (negative: a signal) and the report, None where the process ended without
    one. Raises `ProbeError` for an interpreter that does not start.
    """
    agent_reads, we_write = os.pipe()
    we_read, agent_writes = os.pipe()
    try:
        process = _spawn(request, [agent_reads, agent_writes])
    except OSError as error:
        raise ProbeError(f"{request.python} could not be started: {error}") from error
    finally:
        os.close(agent_reads)
        os.close(agent_writes)
    requests = os.fdopen(we_write, "wb")
    heard: list[ProbeReport] = []

    def listen() -> None:
        """The agent is told that its answer has been printed by the end of its requests."""
        with os.fdopen(we_read, "rb") as lines:
            for line in lines:
                method, params = split(line)
                if method == "result":
                    heard.append(_conclude(request, decode(Result, params)))
                    report(heard[0])
                    requests.close()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    run = Run(
        os.path.abspath(request.script),
        list(request.arguments),
        request.text,
        True,
        None,
        request.backwards,
    )
    with requests, _signals_are_for(process):
        try:
            requests.write(encode(run))
            requests.flush()
        except OSError:
            pass
        status = process.wait()
    listener.join(2.0)
    return status, heard[0] if heard else None


def _conclude(request: Request, result: Result) -> ProbeReport:
    setting = Setting(request.script, request.directory, request.python, True, False)
    sources = Sources(request.script, request.text)
    return conclude(result.observation, Circumstances(setting, sources, fault=result.fault))


def _spawn(request: Request, ends: list[int]) -> subprocess.Popen[bytes]:
    """Start the agent with the script's own streams; it reads from the first of `ends` and writes to the
    other.
    """
    options: dict[str, Any] = {"cwd": request.directory}
    if sys.platform == "win32":
        import msvcrt

        ends = [msvcrt.get_osfhandle(end) for end in ends]
        for handle in ends:
            os.set_handle_inheritable(handle, True)
        options["startupinfo"] = subprocess.STARTUPINFO(lpAttributeList={"handle_list": ends})
    else:
        options["pass_fds"] = ends
    return subprocess.Popen([request.python, str(AGENT), "watch", *map(str, ends)], **options)


@contextmanager
def _signals_are_for(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """An interrupt from the keyboard reaches the script by itself; a request to end is handed on to it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hand_on(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda number, frame: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, hand_on),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
