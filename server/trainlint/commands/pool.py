"""Many files on several processors."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context, parent_process

from ..discovery import Target
from ..finding import FileStatus, Report, Status
from .examine import Fixing, Outcome, examine

MANY_FILES = 50
MANY_BYTES = 2_000_000
"""Below either of these, starting processes takes longer than it saves."""

_CHUNK = 8


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def examine_all(targets: Sequence[Target], fixing: Fixing | None, jobs: int) -> Iterator[Outcome]:
    """The outcome of every target, in their order, with up to `jobs` processes.

    A file that ends its process (a crash in native code, or the system out of memory) is a FAILED status.
    """
    if jobs == 1 or not _worth_it(targets):
        yield from (examine(target, fixing) for target in targets)
        return
    chunks = [targets[start : start + _CHUNK] for start in range(0, len(targets), _CHUNK)]
    while chunks:
        try:
            for outcomes in _side_by_side(chunks, fixing, jobs):
                chunks = chunks[1:]
                yield from outcomes
        except BrokenProcessPool:
            yield from (_alone(target, fixing) for target in chunks.pop(0))


def _side_by_side(chunks: Sequence[Sequence[Target]], fixing: Fixing | None, jobs: int) -> Iterator[list[Outcome]]:
    """The outcomes of every chunk. Raises `BrokenProcessPool` when one of the processes dies."""
    with _executor(min(jobs, len(chunks))) as executor:
        futures = [executor.submit(_examine_chunk, chunk, fixing) for chunk in chunks]
        try:
            for future in futures:
                yield future.result()
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _worth_it(targets: Sequence[Target]) -> bool:
    if len(targets) <= MANY_FILES:
        return False
    total = 0
    for target in targets:
        with suppress(OSError):
            total += os.path.getsize(target.path)
    return total >= MANY_BYTES


def _alone(target: Target, fixing: Fixing | None) -> Outcome:
    with _executor(1) as executor:
        future: Future[list[Outcome]] = executor.submit(_examine_chunk, [target], fixing)
        try:
            return future.result()[0]
        except BrokenProcessPool:
            reason = "its analysis ended the process"
            return Outcome(Report(files=(FileStatus(target.path, Status.FAILED, reason),)), named=target.named)


def _executor(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)


def _begin() -> None:
    """An interrupt of the terminal reaches every process; the first one answers it for all, and none outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _examine_chunk(targets: Sequence[Target], fixing: Fixing | None) -> list[Outcome]:
    return [examine(target, fixing) for target in targets]
