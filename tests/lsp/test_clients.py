"""The installed server over stdio, with the capabilities that real editors declare."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities
from trainlint import __version__
from trainlint.finding import Edit
from trainlint.fixes.apply import apply_edits
from trainlint.lsp.convert import Coordinates, path_of
from trainlint.source.text import SourceText

from tests.lsp.raw import REAL
from tests.lsp.test_editors import CALLED, FIX, FIX_ALL, FIXED, IGNORE, TRAIN, UNCALLED

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.filterwarnings("error::pytest_lsp.LspSpecificationWarning"),
]

PROFILES = ["visual-studio-code", "neovim@0.7", "neovim@0.11", "emacs"]


def vscode_today() -> types.ClientCapabilities:
    """The newest profile of VS Code at hand is of 2022; since then it pulls, and asks for UTF-16 by name."""
    declared = client_capabilities("visual-studio-code")
    assert declared.text_document
    assert declared.workspace
    assert declared.general
    declared.text_document.diagnostic = types.DiagnosticClientCapabilities(
        dynamic_registration=True,
        related_document_support=False,
        related_information=True,
        tag_support=types.ClientDiagnosticsTagOptions([types.DiagnosticTag.Unnecessary]),
        code_description_support=True,
        data_support=True,
    )
    declared.workspace.diagnostics = types.DiagnosticWorkspaceClientCapabilities(refresh_support=True)
    declared.general.position_encodings = [types.PositionEncodingKind.Utf16]
    return declared


class Editor:
    """One editor with one file open."""

    def __init__(self, client: LanguageClient, profile: str, declared: types.ClientCapabilities) -> None:
        self.client = client
        self.profile = profile
        self.declared = declared
        self.encoding = "utf-16"
        self.text = ""
        self.uri = ""
        self.version = 0

    @property
    def pulls(self) -> bool:
        return bool(self.declared.text_document and self.declared.text_document.diagnostic)

    async def open(self, file: Path, text: str) -> list[types.Diagnostic]:
        self.uri, self.text, self.version = file.as_uri(), text, 1
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(self.uri, "python", 1, text)))
        return await self.diagnostics()

    async def diagnostics(self) -> list[types.Diagnostic]:
        """What the client shows for the text as it is now."""
        if self.pulls:
            identifier = types.TextDocumentIdentifier(self.uri)
            report = await self.client.text_document_diagnostic_async(types.DocumentDiagnosticParams(identifier))
            assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
            return list(report.items)
        while True:
            shown = await asyncio.wait_for(self.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS), 10)
            if shown.uri == self.uri and shown.version == self.version:
                return list(shown.diagnostics)

    async def actions(self, shown: list[types.Diagnostic], only: list[str] | None = None) -> list[types.CodeAction]:
        context = types.CodeActionContext(shown, only)
        identifier = types.TextDocumentIdentifier(self.uri)
        place = shown[0].range if shown else types.Range(types.Position(0, 0), types.Position(0, 0))
        found = await self.client.text_document_code_action_async(types.CodeActionParams(identifier, place, context))
        actions = [action for action in found or () if isinstance(action, types.CodeAction)]
        return [action if action.edit else await self.client.code_action_resolve_async(action) for action in actions]

    async def apply(self, action: types.CodeAction) -> list[types.Diagnostic]:
        """Make the action's edit, tell the server as an editor does, and wait for the new diagnostics."""
        assert action.edit
        if self.declared.workspace.workspace_edit.document_changes:  # type: ignore[union-attr]
            (document,) = action.edit.document_changes or ()
            assert isinstance(document, types.TextDocumentEdit)
            assert document.text_document.version == self.version
            edits = document.edits
        else:
            assert action.edit.changes
            edits = action.edit.changes[self.uri]
        coordinates = Coordinates(SourceText(self.text), self.encoding)
        self.text = apply_edits(
            self.text,
            [Edit(coordinates.span(edit.range), edit.new_text) for edit in edits],  # type: ignore[union-attr]
        )
        self.version += 1
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(self.version, self.uri),
                [types.TextDocumentContentChangePartial(edit.range, edit.new_text) for edit in reversed(edits)],  # type: ignore[union-attr]
            )
        )
        return await self.diagnostics()


async def start() -> LanguageClient:
    client = await ClientServerConfig(server_command=REAL).start()
    assert isinstance(client, LanguageClient)

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(params: types.RegistrationParams) -> None:
        pass

    return client


@pytest_asyncio.fixture(params=[*PROFILES, "visual-studio-code today"])
async def editor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Editor]:
    profile = request.param
    declared = vscode_today() if profile.endswith("today") else client_capabilities(profile)
    client = await start()
    folder = types.WorkspaceFolder(tmp_path.as_uri(), "project")
    params = types.InitializeParams(declared, root_uri=tmp_path.as_uri(), workspace_folders=[folder])
    editor = Editor(client, profile, declared)
    answer = await asyncio.wait_for(client.initialize_session(params), 15)
    encoding = answer.capabilities.position_encoding
    editor.encoding = str(getattr(encoding, "value", encoding))
    assert answer.server_info == types.ServerInfo("trainlint", __version__)
    assert (answer.capabilities.diagnostic_provider is not None) == editor.pulls
    yield editor
    await asyncio.wait_for(client.shutdown_session(), 10)
    assert client._server
    assert client._server.returncode == 0
    assert client.error is None
    assert client.messages == []
    assert editor.pulls == (client.diagnostics == {})
    await client.stop()


async def test_the_mistake_is_shown_explained_fixed_and_gone(editor: Editor, tmp_path: Path) -> None:
    (shown,) = await editor.open(tmp_path / "train.py", TRAIN)
    column = {"utf-8": 28, "utf-16": 23, "utf-32": 22}[editor.encoding]
    assert shown.range == types.Range(types.Position(10, column), types.Position(10, column + 16))
    assert (shown.code, shown.source, shown.severity) == (
        "TRN101",
        "trainlint",
        types.DiagnosticSeverity.Warning,
    )
    supports = editor.declared.text_document.publish_diagnostics  # type: ignore[union-attr]
    assert supports
    assert bool(shown.related_information) == bool(supports.related_information)
    if shown.related_information:
        loop = shown.related_information[0].location
        assert (loop.uri, loop.range.start) == (editor.uri, types.Position(7, 4))
    assert bool(shown.code_description) == bool(supports.code_description_support)
    if shown.code_description:
        page = path_of(shown.code_description.href)
        assert page
        assert Path(page).read_text(encoding="utf-8").startswith("# missing-zero-grad (TRN101)")
    assert bool(shown.data) == bool(supports.data_support)
    identifier = types.TextDocumentIdentifier(editor.uri)
    hover = await editor.client.text_document_hover_async(types.HoverParams(identifier, shown.range.start))
    assert hover
    assert isinstance(hover.contents, types.MarkupContent)
    assert hover.contents.value.startswith("**TRN101** `missing-zero-grad`\n\nGradients are applied again")
    assert "## Use instead" in hover.contents.value
    fix, _behind, ignore = await editor.actions([shown], ["quickfix"])
    assert (fix.title, fix.is_preferred, ignore.title) == (FIX, None, IGNORE)
    assert await editor.apply(fix) == []
    assert editor.text == FIXED


async def test_what_is_safe_is_fixed_at_once(editor: Editor, tmp_path: Path) -> None:
    (shown,) = await editor.open(tmp_path / "train.py", UNCALLED)
    assert shown.code == "TRN108"
    assert list(shown.tags or ()) == [types.DiagnosticTag.Unnecessary]
    fix, *_ = await editor.actions([shown], ["quickfix"])
    preferred = editor.declared.text_document.code_action.is_preferred_support  # type: ignore[union-attr]
    assert bool(fix.is_preferred) == bool(preferred)
    (fix_all,) = await editor.actions([], ["source.fixAll"])
    assert fix_all.title == FIX_ALL
    assert await editor.apply(fix_all) == []
    assert editor.text == CALLED


@pytest.mark.parametrize("editor", ["neovim@0.7", "visual-studio-code today"], indirect=True)
async def test_half_typed_text_leaves_what_was_known(editor: Editor, tmp_path: Path) -> None:
    before = await editor.open(tmp_path / "train.py", TRAIN)
    end = types.Position(11, 0)
    for version, character in enumerate("    print(loss", start=2):
        place = types.Range(end, end)
        editor.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version, editor.uri),
                [types.TextDocumentContentChangePartial(place, character)],
            )
        )
        end = types.Position(11, end.character + 1)
        editor.version = version
        if editor.pulls:
            assert await editor.diagnostics() == before
    await asyncio.sleep(0.6)
    if not editor.pulls:
        assert list(editor.client.diagnostics[editor.uri]) == before


async def test_the_editors_settings_are_asked_for_and_used(tmp_path: Path) -> None:
    declared = client_capabilities("visual-studio-code")
    client = await start()
    client.set_configuration({"ignore": ["missing-zero-grad"]}, section="trainlint")
    client.set_configuration({"trainlint": {"severity": {"TRN101": "error"}}}, scope_uri=(tmp_path / "loud").as_uri())
    folders = [types.WorkspaceFolder((tmp_path / name).as_uri(), name) for name in ("quiet", "loud")]
    await client.initialize_session(types.InitializeParams(declared, workspace_folders=folders))
    editor = Editor(client, "visual-studio-code", declared)
    assert await editor.open(tmp_path / "quiet" / "train.py", TRAIN) == []
    (shown,) = await editor.open(tmp_path / "loud" / "train.py", TRAIN)
    assert shown.severity == types.DiagnosticSeverity.Error
    await client.shutdown_session()
    await client.stop()
