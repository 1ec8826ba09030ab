"""The commands ``trainlint.probe``, which runs the text of an open document in the sandbox until it is known what learns,
and ``trainlint.verify``, which runs another text in its place as well and tells the difference."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from lsprotocol import types

from ..cancel import CancelFlag
from ..finding import Finding
from ..probe.client import ProbeError, Request, probe
from ..probe.comparison import compare, render
from ..probe.protocol import REACHED, Progress
from ..probe.report import as_json
from ..probe.sandbox import LevelUnavailable
from ..probe.verdict import ProbeReport
from ..source.document import Document
from ._pygls_compat import Refusal
from .connection import Connection
from .convert import path_of
from .seen import Seen

COMMAND = "trainlint.probe"
VERIFY = "trainlint.verify"

CANCELLED = "cancelled"

_STAGES = {
    "start": "importing",
    "torch": "torch is imported",
    "optimizer": "an optimizer is built",
    "forward": "a model runs",
}


def register(server: Connection) -> None:
    """Let clients of `server` probe, one document at a time; what runs ends with the session."""
    probes = _Probes(server)
    server.at_end.append(probes.stop)

    @server.command(COMMAND)
    async def run(ls: Connection, *arguments: Any) -> dict[str, Any]:
        return await probes.run(arguments[0] if len(arguments) == 1 else None)

    @server.command(VERIFY)
    async def verify(ls: Connection, *arguments: Any) -> dict[str, Any]:
        return await probes.verify(arguments[0] if len(arguments) == 1 else None)


class _Probes:
    """The probe that runs, if one does, and the thread that waits for it."""

    def __init__(self, server: Connection) -> None:
        self._server = server
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="trainlint-probe")
        self._running: CancelFlag | None = None

    def stop(self) -> None:
        if self._running:
            self._running.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def run(self, argument: object) -> dict[str, Any]:
        """Answer the report once every process of the run has ended. Raises `Refusal`."""
        asked = _Asked.read(argument)
        document = self._document(asked)
        (report,) = await self._reports(asked, document, [document.text])
        if report.stopped_by != CANCELLED:
            self._server.show_seen(asked.uri, _by_document(report, document))
        return as_json(report)

    async def verify(self, argument: object) -> dict[str, Any]:
        """Answer what the text in the argument changes: the reports of both texts, and the difference in words.

        Raises `Refusal`. Nothing is written, and no finding is shown.
        """
        asked = _Asked.read(argument)
        if asked.text is None:
            raise _malformed("needs the `text` to compare with that of the document", VERIFY)
        document = self._document(asked)
        before, after = await self._reports(asked, document, [document.text, asked.text])
        comparison = compare(before, after)
        return {
            "before": as_json(before),
            "after": as_json(after),
            "better": comparison.better,
            "difference": render(comparison),
        }

    def _document(self, asked: _Asked) -> Document:
        document = self._server.session.document(asked.uri)
        if document is None:
            raise Refusal(f"`{asked.uri}` is not open as a Python document: open the training script first")
        if self._running:
            raise Refusal("another probe is running: wait for it or cancel it")
        return document

    async def _reports(self, asked: _Asked, document: Document, texts: Sequence[str]) -> list[ProbeReport]:
        """Each of `texts` run in the place of the document's, one after the other."""
        ls = self._server
        request = asked.request(document, ls.session.folders.first)
        flag = self._running = CancelFlag()
        ls.protocol.when_cancelled(flag.cancel)
        shown = _Shown(ls, asked.token, os.path.basename(request.script), flag)
        loop = asyncio.get_running_loop()
        reports: list[ProbeReport] = []

        def tell(event: Progress) -> None:
            loop.call_soon_threadsafe(shown.tell, event)

        try:
            for text in texts:
                shown.begin_again()
                report = await loop.run_in_executor(self._executor, probe, replace(request, text=text), tell, flag)
                reports.append(_named(report, request.script, document.path))
        except (ProbeError, LevelUnavailable) as error:
            raise Refusal(str(error)) from error
        finally:
            flag.cancel()
            self._running = None
            shown.end()
        return reports


@dataclass(frozen=True)
class _Asked:
    """The command's argument, as `docs/vscode.md` has it."""

    uri: str
    token: int | str | None
    options: Request
    text: str | None = None

    @classmethod
    def read(cls, argument: object) -> _Asked:
        if not isinstance(argument, Mapping):
            raise _malformed("takes one object")
        uri, token = argument.get("uri"), argument.get("workDoneToken")
        if not isinstance(uri, str):
            raise _malformed("needs the `uri` of an open document")
        if isinstance(token, bool) or not isinstance(token, int | str | None):
            raise _malformed("takes a number or a text as `workDoneToken`")
        given = {name: argument[name] for name in _USABLE if argument.get(name) is not None}
        for name, value in given.items():
            if not _USABLE[name](value):
                raise _malformed(f"cannot use {value!r} as `{name}`")
        if "arguments" in given:
            given["arguments"] = tuple(given["arguments"])
        text = argument.get("text")
        if not isinstance(text, str | None):
            raise _malformed("takes a `text`")
        return cls(uri, token, Request("", **given), text)

    def request(self, document: Document, folder: str | None) -> Request:
        """The run of the document's text. What was never saved runs as if it lay in `cwd`, or in `folder`."""
        path = path_of(self.uri)
        cwd = self.options.cwd or (os.path.dirname(path) if path else folder)
        if cwd is None:
            raise Refusal("say in which folder to run a document that was never saved: `cwd`")
        if not os.path.isdir(cwd):
            raise Refusal(f"there is no folder {cwd} to run in")
        name = self.uri.rpartition(":")[2].rpartition("/")[2] or "untitled"
        script = path or os.path.join(cwd, name if name.endswith(".py") else f"{name}.py")
        return replace(self.options, script=script, cwd=cwd, text=document.text)


def _malformed(what: str, command: str = COMMAND) -> Refusal:
    return Refusal(f"the command `{command}` {what}", types.ErrorCodes.InvalidParams)


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0


_USABLE: dict[str, Callable[[Any], bool]] = {
    "python": lambda value: isinstance(value, str) and value != "",
    "arguments": lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
    "cwd": lambda value: isinstance(value, str) and os.path.isabs(value),
    "device": lambda value: value == "cpu",
    "network": lambda value: isinstance(value, bool),
    "wall_s": lambda value: type(value) in (int, float) and 0 < value < float("inf"),
    "memory_mb": _is_size,
    "scratch_mb": _is_size,
}


class _Shown:
    """The progress of one run on the client's screen, where it gave a token for that."""

    def __init__(self, server: Connection, token: int | str | None, name: str, flag: CancelFlag) -> None:
        self._progress = server.work_done_progress
        self._token = token
        self._furthest = 0
        self._message = ""
        if token is not None:
            begin = types.WorkDoneProgressBegin(title=f"Probing {name}", message="starting Python", cancellable=True)
            self._progress.begin(token, begin)
            self._progress.tokens[token].add_done_callback(lambda _: flag.cancel())

    def begin_again(self) -> None:
        self._furthest = 0

    def tell(self, event: Progress) -> None:
        """Say how far the script has come, once for each thing that there is to say."""
        stage = REACHED.index(event.kind)
        if self._token is None or stage < self._furthest:
            return
        self._furthest = stage
        message = _words(event)
        if message != self._message:
            self._message = message
            self._progress.report(self._token, types.WorkDoneProgressReport(message=message))

    def end(self) -> None:
        if self._token is not None:
            self._progress.end(self._token, types.WorkDoneProgressEnd())
            # pygls 607: the token is kept forever.
            self._progress.tokens.pop(self._token, None)
            self._token = None


def _words(event: Progress) -> str:
    if event.kind == "backward":
        return f"{event.count} backward pass{'es' * (event.count != 1)}, no step yet"
    if event.kind == "step":
        return f"{event.count} step{'s' * (event.count != 1)} seen"
    return _STAGES[event.kind]


def _named(report: ProbeReport, script: str, path: str) -> ProbeReport:
    """The report with absolute paths, and the document's own name where it is no file."""

    def name(given: str) -> str:
        return path if given == script else os.path.abspath(given)

    findings = (
        replace(
            finding,
            path=name(finding.path),
            related=tuple(replace(place, path=name(place.path)) for place in finding.related),
        )
        for finding in report.findings
    )
    claims = tuple(replace(finding, path=name(finding.path)) for finding in report.claims)
    return replace(report, findings=tuple(findings), claims=claims)


def _by_document(report: ProbeReport, document: Document) -> dict[str, Seen]:
    """The findings by the path of their document, with the text that was run."""
    findings: dict[str, list[Finding]] = {document.path: []}
    for finding in (*report.findings, *report.claims):
        findings.setdefault(finding.path, []).append(finding)
    return {path: Seen.of(_text(report, path, document), found) for path, found in findings.items()}


def _text(report: ProbeReport, path: str, document: Document) -> Document:
    if path == document.path:
        return document
    source = report.sources.get(report.sources.shown(path))
    return Document(path, source.text if source else "")
