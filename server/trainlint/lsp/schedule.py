"""When documents are analysed: once typing pauses, in one thread, each state of a text at most once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from ..cancel import CancelFlag, Cancelled
from ..finding import FileStatus, Fix, Report, Status
from ..fixes.apply import fix_text
from ..fixes.resolve import resolved
from ..settings import Settings
from ..source.document import Document
from ..source.workspace import Workspace
from .session import Result, Session, Snapshot

Check = Callable[[Document, Workspace, Settings, CancelFlag], Report]

DELAY_SECONDS = 0.2

STACK_BYTES = 64 * 2**20
"""Deeply nested expressions use the stack in the parser; the default of a thread is small on some systems."""


@dataclass(frozen=True)
class _Job:
    snapshot: Snapshot
    flag: CancelFlag
    future: Future[tuple[Report, frozenset[str]]]
    done: asyncio.Task[None]

    def cancel(self) -> None:
        self.flag.cancel()
        self.future.cancel()


class Schedule:
    """Runs `check` for the documents of `session` and hands each result to `publish`, on the loop."""

    def __init__(self, session: Session, check: Check, publish: Callable[[Result], None], delay: float = DELAY_SECONDS) -> None:
        self._session = session
        self._check = check
        self._publish = publish
        self._delay = delay
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._jobs: dict[str, _Job] = {}
        self._executor: ThreadPoolExecutor | None = None
        self._stopped = False

    def touch(self, uris: Iterable[str]) -> None:
        """These documents changed: analyse each once it has been left alone for a moment."""
        if self._stopped:
            return
        loop = asyncio.get_running_loop()
        for uri in uris:
            self._forget(uri)
            self._timers[uri] = loop.call_later(self._delay, self._start, uri)

    def start(self, uris: Iterable[str]) -> None:
        """Analyse these documents at once."""
        for uri in uris:
            self._forget(uri)
            self._start(uri)

    def drop(self, uri: str) -> None:
        """The document was closed."""
        self._forget(uri)

    async def settle(self, uri: str) -> None:
        """Return once the newest state of the document is known, not waiting for a pause in typing."""
        while (job := self._start(uri)) is not None:
            await asyncio.shield(job.done)

    async def fixed(self, snapshot: Snapshot, seconds: float) -> str | None:
        """The document's text with every safe fix applied; None where that takes longer than `seconds`."""
        if self._stopped:
            return None
        flag = CancelFlag()
        future = asyncio.wrap_future(self._worker().submit(_fix, self._check, snapshot, flag))
        try:
            return await asyncio.wait_for(future, seconds)
        except (Cancelled, asyncio.TimeoutError):
            return None
        finally:
            flag.cancel()

    async def resolved(self, fix: Fix, text: str, seconds: float) -> Fix | None:
        """`fix` with its edits of `text`; None where that takes longer than `seconds`."""
        if self._stopped:
            return None
        future = asyncio.wrap_future(self._worker().submit(resolved, fix, text))
        try:
            return await asyncio.wait_for(future, seconds)
        except asyncio.TimeoutError:
            return None

    def stop(self) -> None:
        """Cancel everything. A running analysis that does not listen is left behind."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        for job in self._jobs.values():
            job.cancel()
        if self._executor:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _forget(self, uri: str) -> None:
        timer = self._timers.pop(uri, None)
        if timer:
            timer.cancel()
        job = self._jobs.get(uri)
        if job and not self._session.is_current(job.snapshot):
            job.cancel()

    def _start(self, uri: str) -> _Job | None:
        """The job that brings the newest state of `uri`, started if need be; None where all is known."""
        timer = self._timers.pop(uri, None)
        if timer:
            timer.cancel()
        if self._stopped:
            return None
        running = self._jobs.get(uri)
        if running and self._session.is_current(running.snapshot):
            return running
        snapshot = self._session.due(uri)
        if snapshot is None:
            return None
        if running:
            running.cancel()
        flag = CancelFlag()
        future = self._worker().submit(_analyse, self._check, snapshot, flag)
        done = asyncio.get_running_loop().create_task(self._finish(snapshot, future))
        job = self._jobs[uri] = _Job(snapshot, flag, future, done)
        return job

    async def _finish(self, snapshot: Snapshot, future: Future[tuple[Report, frozenset[str]]]) -> None:
        try:
            report, asked = await asyncio.wrap_future(future)
        except (Cancelled, asyncio.CancelledError):
            return
        finally:
            job = self._jobs.get(snapshot.uri)
            if job and job.snapshot is snapshot:
                del self._jobs[snapshot.uri]
        result = self._session.accept(snapshot, report, asked)
        if result is not None:
            self._publish(result)

    def _worker(self) -> ThreadPoolExecutor:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="trainlint-analysis")
            usual = threading.stack_size(STACK_BYTES)
            try:
                self._executor.submit(int)
            finally:
                threading.stack_size(usual)
        return self._executor


def _analyse(check: Check, snapshot: Snapshot, flag: CancelFlag) -> tuple[Report, frozenset[str]]:
    """The report and the paths it asked for. A defect of the analysis becomes a status."""
    flag.check()
    path = snapshot.document.path
    if snapshot.skip:
        return Report(files=(FileStatus(path, Status.SKIPPED, snapshot.skip),)), frozenset()
    workspace = snapshot.workspace()
    try:
        report = check(snapshot.document, workspace, snapshot.settings, flag)
    except Cancelled:
        raise
    except Exception as error:
        report = Report(files=(FileStatus(path, Status.FAILED, f"{type(error).__name__}: {error}"),))
    return report, frozenset(workspace.asked)


def _fix(check: Check, snapshot: Snapshot, flag: CancelFlag) -> str:
    def report(text: str) -> Report:
        document = replace(snapshot.document, text=text)
        return check(document, snapshot.workspace(), snapshot.settings, flag)

    return fix_text(snapshot.document.text, report).text
