"""Which files a command line means, and their texts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .configuration import Configuration
from .finding import FileStatus, Status
from .settings import Settings
from .source.document import MAX_BYTES, MAX_LINES, Document
from .source.encoding import Encoding, UndecodableError, decode

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

LEFT_OUT = frozenset(
    {
        ".bzr",
        ".direnv",
        ".eggs",
        ".git",
        ".hg",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
        ".vscode",
        "__pycache__",
        "__pypackages__",
        "_build",
        "build",
        "dist",
        "node_modules",
        "site-packages",
        "venv",
    }
)
"""Folders that are not entered unless they are named, or kept by a ``!`` pattern in `exclude`."""


PROJECT_MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg", "trainlint.toml")
"""Files and folders that lie at the top of a project."""


@dataclass(frozen=True)
class Target:
    """A file to check, as it is shown, and whether the user named it or a folder above it: `top`, or its own folder."""

    path: str
    settings: Settings
    named: bool
    top: str = ""


@dataclass(frozen=True)
class Source:
    """A document with the bytes it came from."""

    document: Document
    data: bytes
    encoding: Encoding


def discover(paths: Iterable[str], configuration: Configuration) -> Iterator[Target | FileStatus]:
    """The Python files that `paths` mean, each once; in a folder by name, before those of its subfolders.

    A folder that cannot be listed comes out as an UNREADABLE status. Raises `ConfigurationError`.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if os.path.isdir(path):
            found = _Walk(configuration).folder(path)
        else:
            found = iter([Target(path, configuration.for_folder(_folder_of(path)), named=True)])
        for item in found:
            if isinstance(item, FileStatus) or _first(item.path, seen):
                yield item


def roots_of(path: str, top: str = "") -> tuple[str, ...]:
    """The folders in which what a file imports is looked for: `top`, and the project that the file is part of.

    That is the nearest folder above it with a mark of a project, or else the folder that holds its package.
    """
    own = os.path.dirname(os.path.abspath(path))
    folder = own
    while not any(os.path.exists(os.path.join(folder, mark)) for mark in PROJECT_MARKS):
        if os.path.dirname(folder) == folder:
            folder = own
            while os.path.isfile(os.path.join(folder, "__init__.py")) and os.path.dirname(folder) != folder:
                folder = os.path.dirname(folder)
            break
        folder = os.path.dirname(folder)
    return (folder, top) if top else (folder,)


def read(path: str) -> Source | FileStatus:
    """The text of a file, or why there is none to analyse."""
    if path.endswith(".ipynb"):
        return FileStatus(path, Status.UNREADABLE, "notebooks are not supported yet")
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return FileStatus(path, Status.UNREADABLE, (error.strerror or str(error)).lower())
    return source_of(path, data)


def source_of(path: str, data: bytes) -> Source | FileStatus:
    """The document that `data` holds, under the name `path`, or why there is none to analyse."""
    if len(data) > MAX_BYTES:
        return FileStatus(path, Status.UNREADABLE, f"it is larger than {MAX_BYTES:,} bytes")
    try:
        text, encoding = decode(data)
    except UndecodableError as error:
        return FileStatus(path, Status.UNREADABLE, str(error))
    if text.count("\n") > MAX_LINES:
        return FileStatus(path, Status.UNREADABLE, f"it has more than {MAX_LINES:,} lines")
    return Source(Document(path, text), data, encoding)


class _Walk:
    """One walk below a folder, with the .gitignore files of its repository."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.excludes: dict[Settings, GitIgnoreSpec] = {}

    def folder(self, path: str) -> Iterator[Target | FileStatus]:
        """Files below `path`, shown as `path` is written."""
        top = Path(os.path.abspath(path))
        ignores = _ignores_above(top)
        if _ignored(ignores, str(top), folder=True):
            ignores = ()
        pending = [(path, str(top), ignores)]
        while pending:
            shown, real, above = pending.pop()
            try:
                with os.scandir(real) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                yield FileStatus(shown, Status.UNREADABLE, (error.strerror or str(error)).lower())
                continue
            here = (*above, *_ignores_in(real)) if any(entry.name == ".gitignore" for entry in listed) else above
            settings = self.configuration.for_folder(Path(real))
            folders = []
            for entry in listed:
                name = entry.name if shown == os.curdir else os.path.join(shown, entry.name)
                if _is_folder(entry):
                    if not self.left_out(entry, settings) and not _ignored(here, entry.path, folder=True):
                        folders.append((name, entry.path, here))
                elif entry.name.endswith(".py") and _is_file(entry):
                    excluded = self.excluded(entry.path, settings)
                    if not excluded and not _ignored(here, entry.path, folder=False):
                        yield Target(name, settings, named=False, top=str(top))
            pending.extend(reversed(folders))

    def left_out(self, entry: os.DirEntry[str], settings: Settings) -> bool:
        excluded = self.excluded(entry.path + "/", settings)
        if excluded is not None:
            return excluded
        return entry.name in LEFT_OUT or os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))

    def excluded(self, path: str, settings: Settings) -> bool | None:
        """What the user's `exclude` says of `path`; None where it says nothing."""
        if not settings.exclude:
            return None
        inside = settings.relative(path)
        if inside is None:
            return None
        if settings not in self.excludes:
            self.excludes[settings] = _patterns(settings.exclude)
        return self.excludes[settings].check_file(inside + "/" * path.endswith("/")).include


_Ignores = tuple[tuple[str, "GitIgnoreSpec"], ...]
"""From the top of the repository down: the folder of a .gitignore and its patterns."""


def _ignores_above(folder: Path) -> _Ignores:
    """The .gitignore files above `folder`, from the top of its repository down; none outside a repository."""
    chain = [folder, *folder.parents]
    top = next((index for index, above in enumerate(chain) if (above / ".git").exists()), 0)
    return tuple(found for above in reversed(chain[1 : top + 1]) for found in _ignores_in(str(above)))


def _ignores_in(folder: str) -> _Ignores:
    try:
        with open(os.path.join(folder, ".gitignore"), encoding="utf-8", errors="replace") as file:
            return ((folder, _patterns(file.read().splitlines())),)
    except OSError:
        return ()


def _ignored(ignores: _Ignores, path: str, folder: bool) -> bool:
    """Whether git would ignore the absolute `path`: the deepest .gitignore that speaks of it decides."""
    for base, patterns in reversed(ignores):
        inside = os.path.relpath(path, base).replace(os.sep, "/") + "/" * folder
        said = patterns.check_file(inside).include
        if said is not None:
            return said
    return False


def _patterns(lines: Iterable[str]) -> GitIgnoreSpec:
    """Patterns of a .gitignore; as in git, a line that is no pattern says nothing."""
    from pathspec import GitIgnoreSpec

    usable: list[str] = []
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue
        usable.append(line)
    return GitIgnoreSpec.from_lines(usable)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Links to folders are not followed: they lead in circles, or out of the tree."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _first(path: str, seen: set[tuple[int, int]]) -> bool:
    """Whether the file comes up for the first time, under whatever name."""
    try:
        status = os.stat(path)
    except OSError:
        return True
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return False
    seen.add(identity)
    return True


def _folder_of(path: str) -> Path:
    return Path(os.path.abspath(path)).parent
