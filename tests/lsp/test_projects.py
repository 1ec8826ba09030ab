"""Documents that depend on others: open and unsaved, or on disk, seen or not yet there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lsp.raw import REAL, Raw
from tests.program.projects import Project

CLEARS = "def apply(o):\n    o.step()\n    o.zero_grad()\n"
FORGETS = "def apply(o):\n    o.step()\n"
WATCHES = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}
RELATED = {"textDocument": {"publishDiagnostics": {"relatedInformation": True}}}

MAIN = Project.of("""\
## main.py
# setup
from helpers import apply
for x, y in loader:
    loss = LOSS
    loss.backward()
    apply(optimizer)
""").files["main.py"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(MAIN)
    (tmp_path / "helpers.py").write_text(CLEARS)
    return tmp_path


def initialize(client: Raw, folder: Path, capabilities: dict[str, Any] | None = None) -> None:
    folders = [{"uri": folder.as_uri(), "name": "project"}]
    client.initialize({**RELATED, **(capabilities or {})}, workspaceFolders=folders)


def shown(client: Raw, path: Path) -> list[dict[str, Any]]:
    """The next diagnostics of `path`; those of others are passed over."""
    while True:
        params = client.wait_for("textDocument/publishDiagnostics", timeout=30)["params"]
        if params["uri"] == path.as_uri():
            found: list[dict[str, Any]] = params["diagnostics"]
            return found


def type_over(client: Raw, path: Path, text: str, version: int) -> None:
    document = {"uri": path.as_uri(), "version": version}
    client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})


def test_typing_in_a_helper_changes_what_is_said_of_its_user(folder: Path) -> None:
    main, helpers = folder / "main.py", folder / "helpers.py"
    with Raw(REAL, cwd=folder) as client:
        initialize(client, folder)
        client.open(main.as_uri(), MAIN)
        assert shown(client, main) == []
        client.open(helpers.as_uri(), CLEARS)
        assert shown(client, main) == []
        type_over(client, helpers, FORGETS, 2)
        [diagnostic] = shown(client, main)
        assert diagnostic["code"] == "TRN101"
        assert diagnostic["range"]["start"]["line"] == MAIN.splitlines().index("    apply(optimizer)")
        place = diagnostic["relatedInformation"][0]["location"]
        assert (place["uri"], place["range"]["start"]) == (helpers.as_uri(), {"line": 1, "character": 4})
        type_over(client, helpers, CLEARS, 3)
        assert shown(client, main) == []
        assert helpers.read_text() == CLEARS


def test_closing_an_unsaved_helper_brings_the_saved_text_back(folder: Path) -> None:
    main, helpers = folder / "main.py", folder / "helpers.py"
    with Raw(REAL, cwd=folder) as client:
        initialize(client, folder)
        client.open(helpers.as_uri(), FORGETS)
        client.open(main.as_uri(), MAIN)
        assert [one["code"] for one in shown(client, main)] == ["TRN101"]
        client.notify("textDocument/didClose", {"textDocument": {"uri": helpers.as_uri()}})
        assert shown(client, main) == []


@pytest.mark.parametrize("at_first", [CLEARS, None], ids=["changed", "created"])
def test_a_helper_that_changes_on_disk_counts(folder: Path, at_first: str | None) -> None:
    main, helpers = folder / "main.py", folder / "helpers.py"
    if at_first is None:
        helpers.unlink()
    with Raw(REAL, cwd=folder) as client:
        initialize(client, folder, WATCHES)
        client.open(main.as_uri(), MAIN)
        assert shown(client, main) == []
        helpers.write_text(FORGETS)
        kind = 2 if at_first else 1
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": helpers.as_uri(), "type": kind}]})
        assert [one["code"] for one in shown(client, main)] == ["TRN101"]


def test_files_outside_the_folders_are_not_read(folder: Path, tmp_path: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    main = inner / "main.py"
    (folder / "helpers.py").write_text(FORGETS)
    with Raw(REAL, cwd=folder) as client:
        initialize(client, inner)
        client.open(main.as_uri(), MAIN.replace("from helpers", "from ..helpers"))
        assert shown(client, main) == []
