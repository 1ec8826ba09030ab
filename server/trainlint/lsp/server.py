"""The language server: what the protocol asks and who answers it."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types

from ..configuration import NAMES
from ..fixes.difference import difference
from . import actions, probe
from ._pygls_compat import Refusal
from .connection import SECTION, Connection
from .convert import path_of
from .hover import hover
from .pages import Rule
from .process import drop_working_directory, serve, take_streams
from .schedule import Check

FIX_ALL_SECONDS = 1.0
"""Editors run "fix all" while they save, and the user waits."""


RESOLVE_SECONDS = 5.0
"""The user has chosen the fix and sees nothing else happen."""


def main(argv: Sequence[str]) -> int:
    """Serve one editor on standard input and output; answers the exit status of the process."""
    parser = argparse.ArgumentParser("trainlint server", description="Serve an editor: Language Server Protocol.")
    parser.add_argument("--stdio", action="store_true", help="talk on standard input and output, as always")
    parser.parse_args(argv)
    drop_working_directory(sys.path)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    # At INFO pygls logs every payload, the user's code included; at WARNING each answer that comes too late.
    logging.getLogger("pygls").setLevel(logging.ERROR)
    if sys.stdin.isatty():
        print("trainlint server: waiting for an editor on standard input; Ctrl-C ends it.", file=sys.stderr)
    stdin, stdout = take_streams()
    from ..engine import check
    from ..rules import RULES

    return serve(create(check, RULES), stdin, stdout)


def create(check: Check, rules: Iterable[Rule]) -> Connection:
    """A server that answers everything that editors ask."""
    server = Connection(check, rules)
    _register_lifetime(server)
    _register_documents(server)
    _register_settings(server)
    _register_answers(server)
    probe.register(server)
    return server


def _register_lifetime(server: Connection) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(ls: Connection, params: types.InitializeParams) -> None:
        ls.begin(params)
        if params.process_id:
            ls.watch(params.process_id)
        if ls.session.client.pulls_diagnostics:
            _register_pull(ls)

    @server.feature(types.INITIALIZED)
    def initialized(ls: Connection, params: types.InitializedParams) -> None:
        ls.start()

    @server.feature(types.SHUTDOWN)
    def shutdown(ls: Connection, params: None) -> None:
        ls.stop()


def _register_documents(server: Connection) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(ls: Connection, params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        due = ls.session.open(item.uri, item.language_id, item.version, item.text)
        ls.changed(item.uri, due, at_once=True)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(ls: Connection, params: types.DidChangeTextDocumentParams) -> None:
        item = params.text_document
        ls.changed(item.uri, ls.session.change(item.uri, item.version, params.content_changes))

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(ls: Connection, params: types.DidSaveTextDocumentParams) -> None:
        uri = params.text_document.uri
        ls.changed(uri, ls.session.save(uri), at_once=True)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(ls: Connection, params: types.DidCloseTextDocumentParams) -> None:
        ls.close(params.text_document.uri)


def _register_settings(server: Connection) -> None:
    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def did_change_configuration(ls: Connection, params: types.DidChangeConfigurationParams) -> None:
        if not ls.session.client.configuration and isinstance(params.settings, dict):
            ls.session.folders.configure({None: params.settings.get(SECTION)})
        ls.ask_for_settings()

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def did_change_folders(ls: Connection, params: types.DidChangeWorkspaceFoldersParams) -> None:
        ls.session.folders.change(params.event.added, params.event.removed)
        ls.ask_for_settings()

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_watched_files(ls: Connection, params: types.DidChangeWatchedFilesParams) -> None:
        paths = [path for change in params.changes if (path := path_of(change.uri))]
        if any(Path(path).name in NAMES for path in paths):
            ls.renew(ls.session.settings_changed())
        else:
            ls.changed("", ls.session.files_changed(paths))


def _register_pull(server: Connection) -> None:
    options = types.DiagnosticOptions(identifier="trainlint", inter_file_dependencies=True, workspace_diagnostics=False)

    @server.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, options)
    async def diagnostic(ls: Connection, params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        uri = params.text_document.uri
        await ls.ready.wait()
        await ls.schedule.settle(uri)
        result = ls.session.last_result(uri)
        if result is None:
            return types.RelatedFullDocumentDiagnosticReport(items=[])
        if result.id == params.previous_result_id:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=result.id)
        return types.RelatedFullDocumentDiagnosticReport(items=ls.diagnostics(result), result_id=result.id)


def _register_answers(server: Connection) -> None:
    options = types.CodeActionOptions(code_action_kinds=actions.KINDS, resolve_provider=True)

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    async def code_action(ls: Connection, params: types.CodeActionParams) -> list[types.CodeAction]:
        client = ls.session.client
        uri, only = params.text_document.uri, params.context.only
        if not client.action_literals:
            return []
        answer: list[types.CodeAction] = []
        result = ls.session.result_of_text(uri)
        if result and actions.wanted(actions.QUICK_FIX, only):
            for action in actions.for_range(result, client, params.range, params.context):
                if action.data is None or client.action_resolves_edit or await _resolve(ls, action):
                    answer.append(action)
        unasked = only is None and params.context.trigger_kind is types.CodeActionTriggerKind.Automatic
        if actions.wanted(actions.FIX_ALL, only) and not unasked and actions.may_fix_all(result, only):
            action = actions.fix_all(uri)
            if client.action_resolves_edit or await _resolve(ls, action):
                answer.append(action)
        return answer

    @server.feature(types.CODE_ACTION_RESOLVE)
    async def resolve(ls: Connection, params: types.CodeAction) -> types.CodeAction:
        await _resolve(ls, params)
        return params

    @server.command(actions.EXPLAIN)
    async def explain(ls: Connection, *arguments: Any) -> None:
        code = arguments[0] if arguments else None
        rule = ls.rules.get(code) if isinstance(code, str) else None
        if rule is None:
            raise Refusal(f"the command `{actions.EXPLAIN}` needs the code of a rule", types.ErrorCodes.InvalidParams)
        page = ls.pages.uri(rule.code)
        if page and ls.session.client.shows_documents:
            shown = await ls.window_show_document_async(types.ShowDocumentParams(page, take_focus=True))
            if shown.success:
                return
        summary = rule.doc.partition("\n")[0]
        sentence = f"{rule.code} ({rule.name}): {summary} More: trainlint rule {rule.code}"
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, sentence))

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def show_rule(ls: Connection, params: types.HoverParams) -> types.Hover | None:
        uri = params.text_document.uri
        document = ls.session.document(uri)
        if document is None:
            return None
        return hover(document, ls.session.result_of_text(uri), ls.rules, params.position, ls.session.client)


async def _resolve(ls: Connection, action: types.CodeAction) -> bool:
    """Give an action its edit; False where there is none to give."""
    if action.edit is not None or not isinstance(action.data, dict):
        return False
    resolve = _resolve_all if action.kind == actions.FIX_ALL else _resolve_one
    return await resolve(ls, action, action.data)


async def _resolve_one(ls: Connection, action: types.CodeAction, data: dict[str, Any]) -> bool:
    result = ls.session.result_of_text(data["uri"])
    fix = actions.meant_by(result, data) if result else None
    if result is None or fix is None:
        return False
    made = await ls.schedule.resolved(fix, result.document.text, RESOLVE_SECONDS)
    if made is None or not made.edits:
        ls.log(f"nothing comes of {fix.title!r} in {result.uri}")
        return False
    action.edit = actions.workspace_edit(result.uri, result.document, ls.session.client, made.edits)
    return True


async def _resolve_all(ls: Connection, action: types.CodeAction, data: dict[str, Any]) -> bool:
    uri = data["uri"]
    snapshot = ls.session.shown(uri)
    if snapshot is None or snapshot.skip:
        return False
    text = await ls.schedule.fixed(snapshot, FIX_ALL_SECONDS)
    if text is None:
        ls.log(f"fixing all of {uri} took longer than {FIX_ALL_SECONDS} s, nothing was changed")
        return False
    edits = difference(snapshot.document.source, text)
    if edits:
        action.edit = actions.workspace_edit(uri, snapshot.document, ls.session.client, edits)
    return bool(edits)
