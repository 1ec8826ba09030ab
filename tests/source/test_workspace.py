"""Texts by path: unsaved ones first, nothing from outside the roots, and a record of what was asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from trainlint.source.document import MAX_BYTES, MAX_LINES, Document
from trainlint.source.workspace import Files, Workspace


def test_an_unsaved_text_comes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("saved = 1\n")
    key = str(path)
    assert Workspace(roots=[str(tmp_path)]).document(key) == Document(key, "saved = 1\n")
    typed = Document(key, "typed = 2\n", version=3)
    workspace = Workspace({key: typed}, [str(tmp_path)])
    assert workspace.document(key) is typed
    parsed = workspace.parsed(key)
    assert parsed is not None and parsed.document is typed


def test_a_buffer_needs_no_file_and_no_root(tmp_path: Path) -> None:
    key = str(tmp_path / "new.py")
    workspace = Workspace({key: Document(key, "x = 1\n")})
    assert workspace.has_file(key) and workspace.parsed(key) is not None


def test_what_was_asked_is_recorded_also_where_nothing_lies(tmp_path: Path) -> None:
    workspace = Workspace(roots=[str(tmp_path)])
    missing, other = str(tmp_path / "missing.py"), str(tmp_path / "other.py")
    assert workspace.document(missing) is None and not workspace.has_file(other)
    assert workspace.asked == {missing, other}


def test_nothing_outside_the_roots_is_read(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "inside_not"
    inside.mkdir()
    outside.mkdir()
    secret = outside / "secret.py"
    secret.write_text("x = 1\n")
    (inside / "link.py").symlink_to(secret)
    (inside / "folder").symlink_to(outside)
    workspace = Workspace(roots=[str(inside)])
    for path in (secret, inside / "link.py", inside / "folder" / "secret.py", inside / ".." / "inside_not" / "secret.py"):
        assert workspace.document(str(path)) is None
        assert not workspace.has_file(str(path))
    assert not workspace.has_folder(str(inside / "folder"))
    assert Workspace().document(str(secret)) is None


def test_a_link_inside_the_roots_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_text("x = 1\n")
    (tmp_path / "link.py").symlink_to(tmp_path / "real.py")
    found = Workspace(roots=[str(tmp_path)]).document(str(tmp_path / "link.py"))
    assert found is not None and found.text == "x = 1\n"


@pytest.mark.parametrize(
    "data",
    [b"x = '" + b"a" * MAX_BYTES + b"'\n", b"\n" * (MAX_LINES + 1), b"# -*- coding: klingon -*-\n", b"x = 1\0\n", b"\xff\xfex"],
    ids=["too large", "too many lines", "unknown encoding", "null byte", "UTF-16"],
)
def test_what_an_analysis_would_not_take_is_not_there(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(data)
    workspace = Workspace(roots=[str(tmp_path)])
    assert workspace.document(str(path)) is None and workspace.parsed(str(path)) is None


def test_an_encoding_cookie_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes("# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"))
    found = Workspace(roots=[str(tmp_path)]).document(str(path))
    assert found is not None and "é" in found.text


def test_trees_are_shared_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    files = Files()

    def tree() -> object:
        parsed = Workspace(roots=[str(tmp_path)], files=files).parsed(str(path))
        assert parsed is not None
        return parsed.tree

    first = tree()
    assert tree() is first
    path.write_text("x = 23\n")
    os.utime(path, ns=(1, 1))
    assert tree() is not first


def test_one_workspace_sees_one_state_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    workspace = Workspace(roots=[str(tmp_path)])
    before = workspace.document(str(path))
    path.write_text("x = 23\n")
    assert workspace.document(str(path)) is before


def test_a_text_without_syntax_has_no_tree(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(:\n")
    workspace = Workspace(roots=[str(tmp_path)])
    assert workspace.document(str(tmp_path / "a.py")) is not None
    assert workspace.parsed(str(tmp_path / "a.py")) is None
