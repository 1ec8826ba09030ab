"""Many files on several processors."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from ..discovery import Target
from ..finding import FileStatus, Report, Status
from .examine import Fixing, Outcome, examine

WORTH_IT = 50
"""Files below which starting processes takes longer than it saves."""

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
    if jobs == 1 or len(targets) <= WORTH_IT:
        yield from (examine(target, fixing) for target in targets)
        return
    chunks = [targets[start : start + _CHUNK] for start in range(0, len(targets), _CHUNK)]
    done = 0
    with _executor(min(jobs, len(chunks))) as executor:
        futures = [executor.submit(_examine_chunk, chunk, fixing) for chunk in chunks]
        try:
            for future in futures:
                outcomes = future.result()
                done += len(outcomes)
                yield from outcomes
        except BrokenProcessPool:
            pass
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    for target in targets[done:]:
        yield _alone(target, fixing)


def _alone(target: Target, fixing: Fixing | None) -> Outcome:
    with _executor(1) as executor:
        future: Future[list[Outcome]] = executor.submit(_examine_chunk, [target], fixing)
        try:
            return future.result()[0]
        except BrokenProcessPool:
            reason = "its analysis ended the process"
            return Outcome(
                Report(files=(FileStatus(target.path, Status.FAILED, reason),)), named=target.named
            )


def _executor(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_ignore_interrupts)


def _ignore_interrupts() -> None:
    """An interrupt of the terminal reaches every process; the first one answers it for all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _examine_chunk(targets: Sequence[Target], fixing: Fixing | None) -> list[Outcome]:
    return [examine(target, fixing) for target in targets]
