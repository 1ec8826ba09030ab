"""What the editor at the other end can show and do."""

from __future__ import annotations

from dataclasses import dataclass

from lsprotocol import types


@dataclass(frozen=True)
class Client:
    """The declarations of ``initialize`` that change what the server sends."""

    encoding: str = types.PositionEncodingKind.Utf16.value
    pulls_diagnostics: bool = False
    refreshes_diagnostics: bool = False
    related_information: bool = False
    code_description: bool = False
    diagnostic_data: bool = False
    diagnostic_tags: frozenset[types.DiagnosticTag] = frozenset()
    document_changes: bool = False
    action_literals: bool = False
    action_is_preferred: bool = False
    action_resolves_edit: bool = False
    markdown: bool = False
    configuration: bool = False
    registers_configuration: bool = False
    registers_watched_files: bool = False
    shows_documents: bool = False

    @classmethod
    def of(cls, declared: types.ClientCapabilities, encoding: str) -> Client:
        text = declared.text_document or types.TextDocumentClientCapabilities()
        space = declared.workspace or types.WorkspaceClientCapabilities()
        publish = text.publish_diagnostics or types.PublishDiagnosticsClientCapabilities()
        window = declared.window or types.WindowClientCapabilities()
        action = text.code_action or types.CodeActionClientCapabilities()
        hover = text.hover or types.HoverClientCapabilities()
        # Clients that pull repeat here what they can show, but only since LSP 3.18.
        pull = text.diagnostic or types.DiagnosticClientCapabilities()
        tags = {*_tags(publish.tag_support), *_tags(pull.tag_support)}
        return cls(
            encoding=encoding,
            pulls_diagnostics=text.diagnostic is not None,
            refreshes_diagnostics=bool(space.diagnostics and space.diagnostics.refresh_support),
            related_information=bool(publish.related_information or pull.related_information),
            code_description=bool(publish.code_description_support or pull.code_description_support),
            diagnostic_data=bool(publish.data_support or pull.data_support),
            diagnostic_tags=frozenset(tags),
            document_changes=bool(space.workspace_edit and space.workspace_edit.document_changes),
            action_literals=action.code_action_literal_support is not None,
            action_is_preferred=bool(action.is_preferred_support),
            action_resolves_edit=bool(
                action.data_support and action.resolve_support and "edit" in action.resolve_support.properties
            ),
            markdown=types.MarkupKind.Markdown in (hover.content_format or ()),
            configuration=bool(space.configuration),
            registers_configuration=bool(space.did_change_configuration and space.did_change_configuration.dynamic_registration),
            registers_watched_files=bool(space.did_change_watched_files and space.did_change_watched_files.dynamic_registration),
            shows_documents=bool(window.show_document and window.show_document.support),
        )


def _tags(support: types.ClientDiagnosticsTagOptions | None) -> frozenset[types.DiagnosticTag]:
    return frozenset(types.DiagnosticTag(tag) for tag in support.value_set) if support else frozenset()
