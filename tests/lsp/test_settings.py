"""Settings: from the editor in its three ways, from files, by folder, and what becomes of unusable ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from trainlint.finding import Severity
from trainlint.lsp.options import Options, Run, read
from trainlint.settings import Settings

from tests.lsp.raw import Local
from tests.lsp.test_documents import change, codes, insertion, next_published, published, pull, settled

ASKS = {"workspace": {"configuration": True}}
WATCHES = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}
BOTH = "bad()\nsloppy()\n"


def answer_settings(client: Local, *by_scope: object) -> dict[str, Any]:
    """Answer the server's question for settings: first for no folder, then for each folder."""
    asked = client.wait_for("workspace/configuration")
    client.send({"jsonrpc": "2.0", "id": asked["id"], "result": list(by_scope)})
    params: dict[str, Any] = asked["params"]
    return params


def test_settings_are_read_and_complained_about_one_by_one() -> None:
    options, problems = read(
        {
            "enable": "yes",
            "run": "onFly",
            "select": ["TRN1", "missing step"],
            "ignore": ["TRN402"],
            "severity": {"TRN101": "loud"},
            "interpreter": "/usr/bin/python",
        }
    )
    assert options == Options(ignore=("TRN402",))
    assert problems == [
        "setting `trainlint.enable`: 'yes' is neither true nor false",
        'setting `trainlint.run`: \'onFly\' is neither "onType" nor "onSave"',
        "setting `trainlint.select`: 'missing step' is neither a rule's code, the beginning of one, nor a rule's name",
        "setting `trainlint.severity`: 'loud' for TRN101 is none of error, warning, info, off",
    ]


@pytest.mark.parametrize("sent", [None, "nonsense", [], {"select": None, "run": None}])
def test_what_is_not_set_leaves_the_rest(sent: object) -> None:
    under = Options(run=Run.ON_SAVE, ignore=("TRN1",))
    assert read(sent, under) == (under, [])


def test_the_editor_goes_over_the_project() -> None:
    project = Settings(("TRN1",), ("TRN103",), {"TRN101": Severity.INFO, "TRN2": Severity.OFF})
    options = Options(ignore=(), severity={"TRN101": Severity.ERROR})
    assert options.over(project) == Settings(("TRN1",), (), {"TRN101": Severity.ERROR, "TRN2": Severity.OFF})


def test_initialization_options_hold_for_editors_without_settings(tmp_path: Path) -> None:
    with Local() as client:
        client.initialize(initializationOptions={"ignore": ["TRN402"], "severity": {"bad-call": "error"}})
        client.open((tmp_path / "a.py").as_uri(), BOTH)
        (shown,) = next_published(client)["diagnostics"]
        assert (shown["code"], shown["severity"]) == ("TRN101", 1)


def test_the_first_result_waits_for_the_settings(tmp_path: Path) -> None:
    with Local() as client:
        client.initialize(ASKS, initializationOptions={"ignore": ["TRN4"]})
        client.open((tmp_path / "a.py").as_uri(), BOTH)
        assert published(client, 0.5) == []
    with Local() as client:
        client.initialize(ASKS, initializationOptions={"ignore": ["TRN4"]})
        client.open((tmp_path / "a.py").as_uri(), BOTH)
        asked = answer_settings(client, {"ignore": ["TRN1"]})
        assert asked == {"items": [{"section": "trainlint"}]}
        assert codes(next_published(client)) == ["TRN402"]


def test_an_editor_that_never_answers_for_its_settings_is_served_all_the_same(tmp_path: Path) -> None:
    with Local() as client:
        client.initialize(ASKS)
        client.open((tmp_path / "a.py").as_uri(), BOTH)
        assert codes(next_published(client)) == ["TRN101", "TRN402"]
    with Local() as client:
        client.initialize(ASKS)
        client.open((tmp_path / "a.py").as_uri(), BOTH)
        asked = client.wait_for("workspace/configuration")
        client.send({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "no"}})
        assert codes(next_published(client)) == ["TRN101", "TRN402"]


def test_each_folder_has_its_settings(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "one" / "inner", tmp_path / "two"]
    with Local() as client:
        sent = [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
        client.initialize(ASKS, workspaceFolders=sent)
        documents = [*(folder / "sub" / "a.py" for folder in folders), tmp_path / "outside.py"]
        for document in documents:
            client.open(document.as_uri(), BOTH)
        client.open("untitled:Untitled-1", BOTH)
        answer_settings(client, None, {"ignore": ["TRN1"]}, {"ignore": ["TRN4"]}, {"enable": False})
        shown = {one["uri"]: codes(one) for one in settled(client)}
        assert list(shown.values()) == [["TRN402"], ["TRN101"], [], ["TRN101", "TRN402"], ["TRN402"]]
        client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": [sent[1]]}})
        answer_settings(client, None, {"ignore": ["TRN1"]}, {"enable": False})
        shown = {one["uri"]: codes(one) for one in settled(client)}
        assert shown[documents[1].as_uri()] == ["TRN402"]


def test_changed_settings_show_at_once(tmp_path: Path) -> None:
    with Local() as client:
        client.initialize(ASKS)
        client.open((tmp_path / "a.py").as_uri(), BOTH)
        answer_settings(client, None)
        assert codes(next_published(client)) == ["TRN101", "TRN402"]
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        answer_settings(client, {"select": ["TRN4"]})
        assert codes(next_published(client)) == ["TRN402"]
    with Local() as client:
        client.initialize()
        client.open((tmp_path / "a.py").as_uri(), BOTH)
        next_published(client)
        client.notify("workspace/didChangeConfiguration", {"settings": {"trainlint": {"enable": False}}})
        assert codes(next_published(client)) == []


def test_a_client_that_pulls_is_told_of_changed_settings(tmp_path: Path) -> None:
    uri = (tmp_path / "a.py").as_uri()
    capabilities = {
        "textDocument": {"diagnostic": {}},
        "workspace": {"configuration": True, "diagnostics": {"refreshSupport": True}},
    }
    with Local() as client:
        client.initialize(capabilities)
        client.open(uri, BOTH)
        answer_settings(client, None)
        before = pull(client, uri=uri)
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        answer_settings(client, {"ignore": ["TRN4"]})
        client.wait_for("workspace/diagnostic/refresh")
        assert codes(pull(client, before["resultId"], uri=uri), "items") == ["TRN101"]


def test_settings_that_are_the_same_again_analyse_nothing_again(tmp_path: Path) -> None:
    with Local() as client:
        client.initialize(ASKS)
        client.open((tmp_path / "a.py").as_uri(), BOTH)
        answer_settings(client, {"ignore": ["TRN1"]})
        assert codes(next_published(client)) == ["TRN402"]
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        answer_settings(client, {"ignore": ["TRN1"]})
        assert published(client, 0.5) == []


def test_settings_that_change_and_change_back_hold_as_they_are_now(tmp_path: Path) -> None:
    with Local() as client:
        client.initialize(ASKS)
        client.open((tmp_path / "a.py").as_uri(), f"# sleep 0.3\n{BOTH}")
        answer_settings(client, {"ignore": ["TRN1"]})
        assert codes(next_published(client)) == ["TRN402"]
        for setting in ({"ignore": ["TRN4"]}, {"ignore": ["TRN1"]}):
            client.notify("workspace/didChangeConfiguration", {"settings": None})
            answer_settings(client, setting)
        assert [codes(one) for one in settled(client)] == [["TRN402"]]


def test_leaving_on_save_brings_the_typed_text_up_to_date(tmp_path: Path) -> None:
    uri = (tmp_path / "a.py").as_uri()
    with Local() as client:
        client.initialize(initializationOptions={"run": "onSave"})
        client.open(uri, "bad()\n")
        next_published(client)
        change(client, 2, insertion(0, 0, "sloppy()\n"), uri=uri)
        client.notify("workspace/didChangeConfiguration", {"settings": {"trainlint": {"run": "onType"}}})
        shown = next_published(client)
        assert (shown["version"], codes(shown)) == (2, ["TRN402", "TRN101"])


def test_the_log_says_why_a_document_is_not_checked(tmp_path: Path) -> None:
    with Local() as client:
        client.initialize(initializationOptions={"enable": False})
        client.wait_for("window/logMessage")
        client.open((tmp_path / "a.py").as_uri(), BOTH)
        logged = client.wait_for("window/logMessage")["params"]["message"]
        assert logged == f"{tmp_path / 'a.py'} is not checked: trainlint is switched off in the editor's settings"


def test_on_save_waits_for_the_save(tmp_path: Path) -> None:
    uri = (tmp_path / "a.py").as_uri()
    with Local() as client:
        client.initialize(initializationOptions={"run": "onSave"})
        client.open(uri, "bad()\n")
        assert codes(next_published(client)) == ["TRN101"]
        change(client, 2, insertion(0, 0, "sloppy()\n"), uri=uri)
        assert published(client, 0.5) == []
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        shown = next_published(client)
        assert (shown["version"], codes(shown)) == (2, ["TRN402", "TRN101"])


def test_the_editor_is_asked_to_watch_files_and_settings() -> None:
    with Local() as client:
        client.initialize(
            {
                "workspace": {
                    "didChangeWatchedFiles": {"dynamicRegistration": True},
                    "didChangeConfiguration": {"dynamicRegistration": True},
                }
            }
        )
        files, settings = client.wait_for("client/registerCapability")["params"]["registrations"]
        assert files["method"] == "workspace/didChangeWatchedFiles"
        watched = [watcher["globPattern"] for watcher in files["registerOptions"]["watchers"]]
        assert watched == ["**/trainlint.toml", "**/pyproject.toml", "**/*.py", "**/*.{yaml,yml,json,toml}"]
        assert settings["method"] == "workspace/didChangeConfiguration"
        assert settings["registerOptions"] == {"section": "trainlint"}


def test_the_nearest_file_counts_and_its_change_is_seen(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.trainlint]\nignore = ["TRN1"]\n')
    nested = tmp_path / "nested"
    nested.mkdir()
    inner = nested / "trainlint.toml"
    inner.write_text('ignore = ["TRN4"]\n')
    outer_uri, inner_uri = (tmp_path / "a.py").as_uri(), (nested / "a.py").as_uri()
    with Local() as client:
        client.initialize(WATCHES, rootUri=tmp_path.as_uri())
        client.open(outer_uri, BOTH)
        assert codes(next_published(client)) == ["TRN402"]
        client.open(inner_uri, BOTH)
        assert codes(next_published(client)) == ["TRN101"]
        inner.unlink()
        changes = [{"uri": inner.as_uri(), "type": 3}]
        client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        shown = {one["uri"]: codes(one) for one in settled(client)}
        assert shown[inner_uri] == ["TRN402"]


def test_editors_that_watch_no_files_see_changed_settings_at_the_next_save(tmp_path: Path) -> None:
    uri = (tmp_path / "a.py").as_uri()
    with Local() as client:
        client.initialize(rootUri=tmp_path.as_uri())
        client.open(uri, BOTH)
        assert codes(next_published(client)) == ["TRN101", "TRN402"]
        (tmp_path / "trainlint.toml").write_text('ignore = ["TRN4"]\n')
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        assert codes(next_published(client)) == ["TRN101"]
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        assert published(client, 0.4) == []


def test_an_unusable_file_is_told_once_and_shown_where_it_lies(tmp_path: Path) -> None:
    config = tmp_path / "pyproject.toml"
    config.write_text('[tool.trainlint]\n\nignroe = ["TRN1"]\n')
    uri = (tmp_path / "a.py").as_uri()
    with Local() as client:
        client.initialize(WATCHES, rootUri=tmp_path.as_uri())
        client.open(uri, BOTH)
        told = client.wait_for("window/showMessage")["params"]
        assert told["type"] == 2
        assert f'{config}:3: unknown key "ignroe"; did you mean "ignore"?' in told["message"]
        blamed = next_published(client)
        assert blamed["uri"] == config.as_uri()
        assert blamed["diagnostics"][0]["range"]["start"]["line"] == 2
        assert codes(next_published(client)) == ["TRN101", "TRN402"]
        for version in range(2, 5):
            change(client, version, insertion(0, 0, "x\n"), uri=uri)
            assert next_published(client)["uri"] == uri
        config.write_text('[tool.trainlint]\nignore = ["TRN1"]\n')
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": config.as_uri(), "type": 2}]})
        cleared = next_published(client)
        assert (cleared["uri"], cleared["diagnostics"]) == (config.as_uri(), [])
        assert codes(next_published(client)) == ["TRN402"]


def test_an_unusable_setting_of_the_editor_is_told(tmp_path: Path) -> None:
    with Local() as client:
        client.initialize(initializationOptions={"run": "always"})
        told = client.wait_for("window/showMessage")["params"]["message"]
        assert told == 'trainlint: setting `trainlint.run`: \'always\' is neither "onType" nor "onSave"'


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("train.py", ["TRN101"]),
        (".venv/lib/python3/site-packages/torch/optim/sgd.py", []),
        ("generated/train.py", []),
        ("generated/kept.py", ["TRN101"]),
        ("../elsewhere/build/train.py", ["TRN101"]),
        ("../python3/site-packages/torch/sgd.py", []),
    ],
)
def test_files_that_the_project_leaves_out_stay_quiet(tmp_path: Path, path: str, expected: list[str]) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / "trainlint.toml").write_text('exclude = ["generated/*", "!kept.py"]\n')
    with Local() as client:
        client.initialize(rootUri=root.as_uri())
        client.open((root / path).resolve().as_uri(), "bad()\n")
        assert codes(next_published(client)) == expected
