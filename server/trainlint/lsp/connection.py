"""One editor at the other end: what it is asked, told and shown."""

from __future__ import annotations

import asyncio
import logging
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from .. import __version__
from ..configuration import NAMES
from ..discovery import Source, read
from ..finding import Finding
from ..source.document import Document
from ..source.text import SourceText, Span
from ._pygls_compat import Protocol
from .client import Client
from .convert import SOURCE, Coordinates, diagnostic, uri_of
from .folders import INVALID_SETTING, Folders, Problem
from .pages import Pages, Rule
from .schedule import DELAY_SECONDS, Check, Schedule
from .seen import Seen
from .session import Result, Session

SECTION = "trainlint"

SETTINGS_SECONDS = 2.0
"""How long the first analysis waits for the settings that were asked for."""

WATCHED = (*(f"**/{name}" for name in NAMES), "**/*.py", "**/*.{yaml,yml,json,toml}")

logger = logging.getLogger(__name__)


class Connection(LanguageServer):
    """The server of one client. `check` is the engine, `rules` are what it may report.

    `session` and `schedule` are there from ``initialize`` on; `watch` is called with the client's process, each
    of `at_end` when the session ends.
    """

    protocol: Protocol
    session: Session
    schedule: Schedule
    watch: Callable[[int], None]

    def __init__(self, check: Check, rules: Iterable[Rule]) -> None:
        super().__init__(SOURCE, __version__, protocol_cls=Protocol)
        self.rules: Mapping[str, Rule] = {rule.code: rule for rule in rules}
        self.pages = Pages(self.rules.values())
        self.check = check
        self.ready = asyncio.Event()
        self.at_end: list[Callable[[], None]] = []
        self._asked: Future[Sequence[Any]] | None = None
        self._initial_settings: object = None
        self._told: set[str] = set()
        self._refresh: asyncio.TimerHandle | None = None

    def begin(self, params: types.InitializeParams) -> None:
        """Take over what the client says of itself."""
        encoding = self.protocol.workspace.position_encoding
        client = Client.of(params.capabilities, str(getattr(encoding, "value", encoding)))
        names = {code: rule.name for code, rule in self.rules.items()}
        folders = Folders(names or None, self.complain, self.mended)
        root = [types.WorkspaceFolder(params.root_uri, "")] if params.root_uri else []
        folders.change(params.workspace_folders or root, ())
        self._initial_settings = params.initialization_options
        self.session = Session(client, folders)
        self.schedule = Schedule(self.session, self.check, self.publish)

    def start(self) -> None:
        """The client is ready: say hello, ask for what is needed and begin."""
        version, where = platform.python_version(), sys.executable
        self.log(f"trainlint {__version__} runs on Python {version} ({where})")
        self.session.folders.initialize(self._initial_settings)
        self._register()
        self.ask_for_settings()

    def stop(self) -> None:
        for end in self.at_end:
            end()
        if hasattr(self, "schedule"):
            self.schedule.stop()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """A defect of ours: the user hears of it once, the log holds the rest."""
        logger.error("%s", error, exc_info=error)
        self.tell(types.MessageType.Error, f"trainlint failed internally: {error}. Its log says more.")

    def tell(self, kind: types.MessageType, message: str) -> None:
        """Show `message` to the user, the first time it comes up."""
        if message not in self._told:
            self._told.add(message)
            self.window_show_message(types.ShowMessageParams(kind, message))

    def _log_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self.log(message)

    def log(self, message: str) -> None:
        self.window_log_message(types.LogMessageParams(types.MessageType.Info, message))

    # Settings

    def complain(self, problem: Problem) -> None:
        self.tell(types.MessageType.Warning, f"trainlint: {problem}")
        if problem.path:
            line = (problem.line or 1) - 1
            place = types.Range(types.Position(line, 0), types.Position(line + 1, 0))
            shown = types.Diagnostic(place, problem.message, types.DiagnosticSeverity.Error, INVALID_SETTING, source=SOURCE)
            self._show(uri_of(str(problem.path)), [shown])

    def mended(self, problem: Problem) -> None:
        self._told.discard(f"trainlint: {problem}")
        if problem.path:
            self._show(uri_of(str(problem.path)), [])

    def ask_for_settings(self) -> None:
        """Ask the client for its settings, by folder, and analyse everything again when they come."""
        if not self.session.client.configuration:
            self.renew(self.session.settings_changed())
            return
        scopes = [None, *self.session.folders.uris]
        items = [types.ConfigurationItem(scope_uri=scope, section=SECTION) for scope in scopes]
        asked = self._asked = self.workspace_configuration(types.ConfigurationParams(items))

        def answered(future: Future[Sequence[Any]]) -> None:
            if future is not self._asked or future.cancelled():
                return
            error = future.exception()
            if error:
                logger.warning("the editor did not answer for its settings: %s", error)
            else:
                self.session.folders.configure(dict(zip(scopes, future.result(), strict=False)))
            self.renew(self.session.settings_changed())

        asked.add_done_callback(answered)
        asyncio.get_running_loop().call_later(SETTINGS_SECONDS, self._stop_waiting)

    def _stop_waiting(self) -> None:
        if not self.ready.is_set():
            self.renew(self.session.settings_changed())

    def renew(self, due: Sequence[str]) -> None:
        """Analyse what is due for another reason than its own text, and let the client ask for it."""
        self.ready.set()
        self.schedule.start(due)
        self.refresh(due)

    def refresh(self, due: Sequence[str]) -> None:
        """Have a client that pulls come again for documents that did not change themselves."""
        client = self.session.client
        if due and client.pulls_diagnostics and client.refreshes_diagnostics:
            if self._refresh:
                self._refresh.cancel()
            loop = asyncio.get_running_loop()
            self._refresh = loop.call_later(DELAY_SECONDS, self.workspace_diagnostic_refresh, None)

    def _register(self) -> None:
        """Ask the client to report what it does not report by itself."""
        client = self.session.client
        registrations: list[types.Registration] = []
        if client.registers_watched_files:
            watchers = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(pattern) for pattern in WATCHED])
            method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
            registrations.append(types.Registration("trainlint-files", method, watchers))
        if client.registers_configuration:
            section = types.DidChangeConfigurationRegistrationOptions(section=SECTION)
            method = types.WORKSPACE_DID_CHANGE_CONFIGURATION
            registrations.append(types.Registration("trainlint-settings", method, section))
        if registrations:
            self.client_register_capability(types.RegistrationParams(registrations))

    # Documents

    def changed(self, uri: str, due: Sequence[str], at_once: bool = False) -> None:
        """Analyse what is due after a change of `uri`, once the settings are known."""
        if not self.ready.is_set():
            return
        others = [other for other in due if other != uri]
        if at_once and uri in due:
            self.schedule.start([uri])
        else:
            self.schedule.touch({*due} - {*others})
        self.schedule.touch(others)
        self.refresh(others)

    def close(self, uri: str) -> None:
        known = self.session.document(uri) is not None
        due = self.session.close(uri)
        self.schedule.drop(uri)
        self.changed(uri, due)
        self.show_seen(uri, {})
        if known and not self.session.client.pulls_diagnostics:
            self._show(uri, [])

    # Diagnostics

    def publish(self, result: Result) -> None:
        """Show a result, to a client that does not come for it."""
        if result.skip:
            self._log_once(f"{result.document.path} is not checked: {result.skip}")
        if not self.session.client.pulls_diagnostics:
            self._show(result.uri, self.diagnostics(result), result.document.version)

    def show_seen(self, run: str, seen: Mapping[str, Seen]) -> None:
        """Show what a run of the document `run` saw, by path, in place of what the last one saw."""
        results = self.session.saw(run, seen)
        for result in results:
            self.publish(result)
        self.refresh([result.uri for result in results])

    def _show(self, uri: str, diagnostics: list[types.Diagnostic], version: int | None = None) -> None:
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, diagnostics, version))

    def diagnostics(self, result: Result) -> list[types.Diagnostic]:
        static = self._diagnostics(result.uri, result.document, result.findings)
        return [*static, *self._diagnostics(result.uri, result.seen_in or result.document, result.seen)]

    def _diagnostics(self, uri: str, document: Document, findings: Iterable[Finding]) -> list[types.Diagnostic]:
        client = self.session.client
        coordinates = Coordinates(document.source, client.encoding)

        def locate(path: str, span: Span) -> types.Location:
            if path == document.path:
                return types.Location(uri, coordinates.range(span))
            opened = self.session.opened(path)
            if opened:
                other, text = opened
                return types.Location(other, Coordinates(text.source, client.encoding).range(span))
            found = read(path)
            source = found.document.source if isinstance(found, Source) else SourceText("")
            return types.Location(uri_of(path), Coordinates(source, client.encoding).range(span))

        return [diagnostic(finding, coordinates, client, locate, self.pages.uri) for finding in findings]
