"""What one editor has open and what is known about each document.

Nothing here waits, sends or runs an analysis. Methods that change what a result depends on answer the URIs of
the documents that are now to be analysed; a `Snapshot` carries what an analysis may see to another thread.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from lsprotocol import types

from ..agreement import agree, heard
from ..finding import Finding, Report, State, Status
from ..settings import Settings
from ..source.document import Document
from ..source.workspace import Files, Workspace
from .client import Client
from .convert import changed, path_of
from .folders import Folders
from .options import Run
from .seen import Seen

LANGUAGE = "python"
CELL_SCHEME = "vscode-notebook-cell:"
UNREADABLE_FILE = "TRN000"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """One document as it is to be analysed; `skip` says why there is nothing to do, where that is so.

    `stamp` tells it from every other state of any document.
    """

    uri: str
    document: Document
    stamp: int
    settings: Settings
    buffers: Mapping[str, Document]
    skip: str | None
    roots: tuple[str, ...] = ()
    files: Files = field(default_factory=Files)

    def workspace(self) -> Workspace:
        """What an analysis may see: unsaved texts, and the files in the folders of the editor."""
        return Workspace(self.buffers, self.roots, self.files)


@dataclass(frozen=True)
class Result:
    """What is known about one text. `asked` are the paths of the other texts that it depends on.

    `skip` says why nothing is known, where that is so. `seen` is what runs showed, at its places in `seen_in`:
    the text that the editor showed then. `analysed` are the findings before runs were held against them.
    """

    uri: str
    document: Document
    stamp: int
    settings: Settings
    findings: tuple[Finding, ...]
    asked: frozenset[str]
    skip: str | None = None
    seen: tuple[Finding, ...] = ()
    seen_in: Document | None = None
    analysed: tuple[Finding, ...] = ()

    @property
    def id(self) -> str:
        """Names this result to a client that pulls."""
        return str(self.stamp)


@dataclass
class _Buffer:
    """`document` is what the editor shows, `target` what is to be analysed: the same, or the saved text.

    `seen` holds what runs showed, by the URI of the document that was run.
    """

    uri: str
    document: Document
    target: Document
    stamp: int
    result: Result | None = None
    settled: int | None = None
    seen: dict[str, Seen] = field(default_factory=dict)


class Session:
    """Documents and results of one editor."""

    def __init__(self, client: Client, folders: Folders) -> None:
        self.client = client
        self.folders = folders
        self._buffers: dict[str, _Buffer] = {}
        self._stamps = count(1)
        self._files = Files()

    # What the editor does

    def open(self, uri: str, language: str, version: int, text: str) -> list[str]:
        self._buffers.pop(uri, None)
        if language != LANGUAGE or uri.startswith(CELL_SCHEME):
            return []
        document = Document(path_of(uri) or uri, text, version)
        self._buffers[uri] = _Buffer(uri, document, document, next(self._stamps))
        due = [uri, *self._dependents({document.path}), *self._reread_files()]
        return list(dict.fromkeys(due))

    def change(self, uri: str, version: int, changes: Sequence[types.TextDocumentContentChangeEvent]) -> list[str]:
        buffer = self._buffers.get(uri)
        if buffer is None:
            return []
        document = replace(buffer.document, version=version)
        for change in changes:
            document = replace(document, text=changed(document.text, change, self.client.encoding))
            buffer.seen = {run: seen.moved(document) for run, seen in buffer.seen.items()}
        buffer.document = document
        return self._retarget(buffer) if self._follows_typing(buffer) else []

    def save(self, uri: str) -> list[str]:
        buffer = self._buffers.get(uri)
        if buffer is None:
            return []
        due = self._reread_files()
        return due if buffer.target is buffer.document else [*due, *self._retarget(buffer)]

    def close(self, uri: str) -> list[str]:
        buffer = self._buffers.pop(uri, None)
        return self._dependents({buffer.document.path}) if buffer else []

    def files_changed(self, paths: Iterable[str]) -> list[str]:
        """Source files changed on disk. What the editor has open counts more than what lies there."""
        return self._dependents({*paths} - {buffer.document.path for buffer in self._buffers.values()})

    def settings_changed(self) -> list[str]:
        """The editor's settings, its folders or configuration files may have changed."""
        self.folders.reread()
        stale: list[_Buffer] = []
        for buffer in self._buffers.values():
            now = self._snapshot(buffer, buffer.document)
            known = buffer.result
            pending = buffer.settled != buffer.stamp
            if pending or known is None or (known.settings, known.skip) != (now.settings, now.skip):
                stale.append(buffer)
            elif buffer.target is not buffer.document and self._follows_typing(buffer):
                buffer.target = buffer.document
                stale.append(buffer)
        return self._renew(stale)

    def _reread_files(self) -> list[str]:
        """Editors that watch no files do not tell of changed configuration: look from time to time."""
        return [] if self.client.registers_watched_files else self.settings_changed()

    def _follows_typing(self, buffer: _Buffer) -> bool:
        return self.folders.options_for(buffer.document.path).run is Run.ON_TYPE

    def _retarget(self, buffer: _Buffer) -> list[str]:
        buffer.target = buffer.document
        return [*self._renew([buffer]), *self._dependents({buffer.document.path})]

    def _dependents(self, paths: set[str]) -> list[str]:
        return self._renew(buffer for buffer in self._buffers.values() if buffer.result and paths & buffer.result.asked)

    def _renew(self, buffers: Iterable[_Buffer]) -> list[str]:
        renewed = list(buffers)
        for buffer in renewed:
            buffer.stamp = next(self._stamps)
        return [buffer.uri for buffer in renewed]

    # Analyses and their results

    def due(self, uri: str) -> Snapshot | None:
        """What is to be analysed for `uri`; None where it is not open, or all is known."""
        buffer = self._buffers.get(uri)
        if buffer is None or buffer.settled == buffer.stamp:
            return None
        return self._snapshot(buffer, buffer.target)

    def shown(self, uri: str) -> Snapshot | None:
        """The text that the editor shows now, whether it is due or not."""
        buffer = self._buffers.get(uri)
        return self._snapshot(buffer, buffer.document) if buffer else None

    def _snapshot(self, buffer: _Buffer, document: Document) -> Snapshot:
        settings = self.folders.settings_for(document.path)
        return Snapshot(
            buffer.uri,
            document,
            buffer.stamp,
            settings,
            {other.document.path: other.document for other in self._buffers.values()},
            self.folders.reason_to_skip(document, settings),
            self.folders.paths,
            self._files,
        )

    def is_current(self, snapshot: Snapshot) -> bool:
        buffer = self._buffers.get(snapshot.uri)
        return buffer is not None and buffer.stamp == snapshot.stamp

    def accept(self, snapshot: Snapshot, report: Report, asked: Iterable[str]) -> Result | None:
        """Keep what an analysis found. None where the document has moved on, or nothing can be said of it.

        A text that cannot be parsed is half typed: what was known before stays until it can be.
        """
        buffer = self._buffers.get(snapshot.uri)
        if buffer is None or buffer.stamp != snapshot.stamp:
            return None
        buffer.settled = snapshot.stamp
        document = snapshot.document
        statuses = {file.status: file.reason for file in report.files if file.path == document.path}
        if Status.FAILED in statuses:
            logger.error("the analysis of %s failed: %s", document.path, statuses[Status.FAILED])
        unreadable = any(finding.code == UNREADABLE_FILE for finding in report.findings)
        if unreadable or Status.UNREADABLE in statuses or Status.FAILED in statuses:
            return None
        known = Result(
            snapshot.uri,
            document,
            snapshot.stamp,
            snapshot.settings,
            report.findings,
            frozenset(asked) - {document.path},
            snapshot.skip,
            seen_in=buffer.document,
            analysed=report.findings,
        )
        buffer.result = self._joined(known, buffer, snapshot.settings)
        return buffer.result

    def saw(self, run: str, seen: Mapping[str, Seen]) -> list[Result]:
        """Keep what a run of the document `run` showed, by path, in place of what the last one did.

        Answers the results that are others now.
        """
        changed: list[Result] = []
        for buffer in self._buffers.values():
            before, now = buffer.seen.pop(run, None), seen.get(buffer.document.path)
            if now is not None:
                buffer.seen[run] = now.moved(buffer.document)
            if before is not None or now is not None:
                buffer.result = self._again(buffer)
                changed.append(buffer.result)
        return changed

    def _again(self, buffer: _Buffer) -> Result:
        """What is known of `buffer`, with what runs show now; nothing else where no analysis brought anything."""
        now = self._snapshot(buffer, buffer.document)
        known = buffer.result or Result(
            buffer.uri, buffer.document, 0, now.settings, (), frozenset(), now.skip, seen_in=buffer.document
        )
        return self._joined(replace(known, stamp=next(self._stamps)), buffer, now.settings)

    def _joined(self, result: Result, buffer: _Buffer, settings: Settings) -> Result:
        """A result with what runs say of it: which findings they confirm and refute, and what they show beyond that.

        Runs are held against the analysis in the text that was analysed, and what they show is told in the one that is
        shown: the two differ where files are analysed when they are saved.
        """
        here = [one for seen in buffer.seen.values() for one in seen.findings]
        there = [one for seen in buffer.seen.values() for one in seen.in_text(result.document)]
        told = heard(here, settings, buffer.document.path, buffer.document.text)
        shown = [(one, place) for one, place in zip(told, there, strict=True) if one and one.state is State.OPEN]
        proofs = [at for at, (_, place) in enumerate(shown) if place is not None]
        found = [replace(place, severity=one.severity) for one, place in shown if place is not None]
        claims = [one for one in there if one is not None and one.state is not State.OPEN]
        agreement = agree(result.analysed, found, claims)
        absorbed = set(proofs) - {proofs[at] for at in agreement.rest}
        left = tuple(one for at, (one, _) in enumerate(shown) if at not in absorbed)
        return replace(result, findings=agreement.findings, seen=left, seen_in=buffer.document)

    def last_result(self, uri: str) -> Result | None:
        """The newest result, perhaps of an older text."""
        buffer = self._buffers.get(uri)
        return buffer.result if buffer else None

    def result_of_text(self, uri: str) -> Result | None:
        """The result of exactly the text that the editor shows: its places and edits fit that text."""
        buffer = self._buffers.get(uri)
        if buffer is None or buffer.result is None or buffer.result.document is not buffer.document:
            return None
        return buffer.result

    def document(self, uri: str) -> Document | None:
        buffer = self._buffers.get(uri)
        return buffer.document if buffer else None

    def opened(self, path: str) -> tuple[str, Document] | None:
        """URI and text of `path` where the editor has it open."""
        for buffer in self._buffers.values():
            if buffer.document.path == path:
                return buffer.uri, buffer.document
        return None
