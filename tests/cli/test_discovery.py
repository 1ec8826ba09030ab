"""Which files a path means, and what becomes of files that hold no text."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from trainlint.configuration import Configuration
from trainlint.discovery import Source, Target, discover, read
from trainlint.finding import FileStatus, Status
from trainlint.settings import Settings
from trainlint.source.document import MAX_BYTES, MAX_LINES


def grow(root: Path, *names: str) -> None:
    """Make the files `names`, empty, below `root`."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(*paths: str | Path, settings: Settings | None = None) -> list[str]:
    items = list(discover([str(path) for path in paths], Configuration(None, settings)))
    assert all(isinstance(item, Target) for item in items), items
    return [item.path for item in items]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_means_the_python_files_below_it(tree: Path) -> None:
    grow(tree, "b.py", "a.py", "notes.txt", "stub.pyi", "nb.ipynb", "pkg/z.py", "pkg/sub/m.py", "a/x.py")
    assert found(".") == ["a.py", "b.py", "a/x.py", "pkg/z.py", "pkg/sub/m.py"]
    assert found("pkg") == ["pkg/z.py", "pkg/sub/m.py"]
    assert found("pkg/") == ["pkg/z.py", "pkg/sub/m.py"]
    assert found(tree / "pkg") == [str(tree / "pkg/z.py"), str(tree / "pkg/sub/m.py")]
    assert found("pkg/../a") == ["pkg/../a/x.py"]


def test_libraries_and_build_folders_are_left_out_unless_named(tree: Path) -> None:
    grow(
        tree,
        ".git/h.py",
        ".venv/lib/x.py",
        "venv/x.py",
        "node_modules/x.py",
        "build/x.py",
        "dist/x.py",
        "ok.py",
    )
    grow(
        tree,
        "py311/pyvenv.cfg",
        "py311/lib/x.py",
        "lib/site-packages/x.py",
        "env/maze.py",
        "__pycache__/x.py",
    )
    assert found(".") == ["ok.py", "env/maze.py"]
    assert found("build", "venv") == ["build/x.py", "venv/x.py"]


def test_a_file_that_is_named_is_taken_whatever_it_is_called(tree: Path) -> None:
    grow(tree, "script", "venv/x.py", ".gitignore")
    (tree / ".gitignore").write_text("script\n")
    assert found("script", "venv/x.py") == ["script", "venv/x.py"]


def test_a_file_comes_once_however_it_is_reached(tree: Path) -> None:
    grow(tree, "pkg/a.py")
    (tree / "pkg" / "b.py").symlink_to("a.py")
    assert found("pkg/a.py", "pkg", ".", "./pkg/a.py") == ["pkg/a.py"]


def test_links_to_folders_are_not_followed(tree: Path) -> None:
    grow(tree, "pkg/a.py")
    (tree / "pkg" / "round").symlink_to(tree, target_is_directory=True)
    (tree / "lost.py").symlink_to("nowhere.py")
    (tree / "folder.py").mkdir()
    assert found(".") == ["pkg/a.py"]


def test_gitignore_files_are_honoured_at_every_level(tree: Path) -> None:
    (tree / ".git").mkdir()
    grow(
        tree,
        "a.py",
        "gen/a.py",
        "pkg/gen_x.py",
        "pkg/gen_keep.py",
        "pkg/own.py",
        "pkg/sub/own.py",
        "data/set/x.py",
    )
    (tree / ".gitignore").write_text("gen/\ngen_*.py\n/data/*\n# comment\n\n")
    (tree / "pkg" / ".gitignore").write_text("!gen_keep.py\n/own.py\n")
    assert found(".") == ["a.py", "pkg/gen_keep.py", "pkg/sub/own.py"]
    assert found("pkg") == ["pkg/gen_keep.py", "pkg/sub/own.py"]
    assert found("pkg/sub") == ["pkg/sub/own.py"]
    assert found("gen") == ["gen/a.py"], "what the user names is not ignored"


def test_gitignore_above_the_repository_says_nothing(tree: Path) -> None:
    (tree / ".gitignore").write_text("*.py\n")
    grow(tree, "repo/.git/HEAD", "repo/a.py")
    assert found("repo") == ["repo/a.py"]


def test_a_gitignore_that_is_no_text_or_holds_odd_patterns_does_no_harm(tree: Path) -> None:
    grow(tree, "a.py", "b.py")
    (tree / ".gitignore").write_bytes(b"!\n\xff\xfe\n[\n***\\\nb.py\n")
    assert found(".") == ["a.py"]


def test_exclude_adds_to_what_is_left_out_and_can_keep(tree: Path) -> None:
    grow(tree, "a.py", "old/x.py", "pkg/old/x.py", "pkg/t_gen.py", "build/keep.py", "dist/x.py")
    settings = Settings(exclude=("/old", "*_gen.py", "!build"), root=tree)
    assert found(".", settings=settings) == ["a.py", "build/keep.py", "pkg/old/x.py"]
    assert found("pkg/t_gen.py", settings=settings) == ["pkg/t_gen.py"]


def test_each_folder_has_the_settings_of_its_nearest_file(tree: Path) -> None:
    grow(tree, "a.py", "sub/b.py", "sub/skip.py")
    (tree / "sub" / "trainlint.toml").write_text('ignore = ["TRN101"]\nexclude = ["skip.py"]\n')
    first, second = discover(["."], Configuration())
    assert isinstance(first, Target)
    assert isinstance(second, Target)
    assert first.settings.ignore == ()
    assert (second.path, second.settings.ignore) == ("sub/b.py", ("TRN101",))


def test_a_very_deep_tree_is_walked(tree: Path) -> None:
    depth = 400
    folder = tree
    for _ in range(depth):
        folder = folder / "d"
    folder.mkdir(parents=True)
    (folder / "x.py").touch()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        assert found(".") == ["d/" * depth + "x.py"]
    finally:
        sys.setrecursionlimit(limit)


def test_a_folder_that_cannot_be_listed_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(tree, "a.py", "secret/x.py")
    scandir = os.scandir

    def refuse(path: str) -> os._ScandirIterator[str]:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    first, second = discover(["."], Configuration())
    assert isinstance(first, Target)
    assert second == FileStatus("secret", Status.UNREADABLE, "permission denied")


def test_a_file_that_may_not_be_opened_has_a_status(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("trainlint.discovery.open", refuse, raising=False)
    assert read("a.py") == FileStatus("a.py", Status.UNREADABLE, "permission denied")


def test_reading_keeps_text_bytes_and_encoding(tree: Path) -> None:
    data = b"\xef\xbb\xbfx = '\xc3\xa9'\r\n"
    (tree / "a.py").write_bytes(data)
    source = read("a.py")
    assert isinstance(source, Source)
    assert (source.document.path, source.document.text, source.data) == ("a.py", "x = 'é'\r\n", data)


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"x = '\xe9'\n", Status.UNREADABLE, "line 1 is not utf-8"),
        (b"x\0y", Status.UNREADABLE, "line 1 holds a null byte"),
        (b"x = 1 # .\n" * (MAX_BYTES // 10 + 1), Status.UNREADABLE, "it is larger than 1,000,000 bytes"),
        (b"x=1\n" * (MAX_LINES + 1), Status.UNREADABLE, "it has more than 20,000 lines"),
    ],
)
def test_what_cannot_be_analysed_has_a_status(tree: Path, data: bytes, status: Status, reason: str) -> None:
    (tree / "a.py").write_bytes(data)
    result = read("a.py")
    assert isinstance(result, FileStatus)
    assert result.status is status
    assert result.reason.startswith(reason)


def test_files_that_cannot_be_opened_have_a_status(tree: Path) -> None:
    (tree / "nb.ipynb").write_text("{}")
    assert read("nb.ipynb") == FileStatus("nb.ipynb", Status.UNREADABLE, "notebooks are not supported yet")
    assert read("gone.py") == FileStatus("gone.py", Status.UNREADABLE, "no such file or directory")
    assert read("/dev/zero") == FileStatus("/dev/zero", Status.UNREADABLE, "it is larger than 1,000,000 bytes")


def test_a_named_pipe_in_a_folder_is_not_opened_and_a_named_one_is_read(tree: Path) -> None:
    os.mkfifo(tree / "pipe.py")
    assert found(".") == []
    reading, writing = os.pipe()
    os.write(writing, b"x = 1\n")
    os.close(writing)
    source = read(f"/dev/fd/{reading}")
    os.close(reading)
    assert isinstance(source, Source)
    assert source.document.text == "x = 1\n"
