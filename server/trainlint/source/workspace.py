"""The other texts a document may refer to, unsaved buffers before files, with a record of what was asked."""

from __future__ import annotations

import ast
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .document import MAX_BYTES, MAX_LINES, Document
from .encoding import UndecodableError, decode
from .parse import Unreadable, parse

_OF_OTHERS = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})
_MOST_DOCUMENTS = 1_000
_MOST_CHARACTERS = 4_000_000
"""A tree takes about a hundred bytes for each character of its text."""


@dataclass(eq=False)
class Parsed:
    """A document and its tree. `derived` is for what others compute from the tree and need again."""

    document: Document
    tree: ast.Module
    derived: dict[str, Any] = field(default_factory=dict)


class Files:
    """Files as they lie on disk and their trees, kept while they do not change: for all checks of one run or server."""

    def __init__(self) -> None:
        self._documents: OrderedDict[str, tuple[tuple[int, ...], Document | None]] = OrderedDict()
        self._parsed: OrderedDict[str, tuple[str, Parsed | None]] = OrderedDict()
        self._kept = 0

    def document(self, path: str) -> Document | None:
        """The text of a file; None where there is none, or none that an analysis would take."""
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return None
        stamp = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
        known = self._documents.get(path)
        if known is None or known[0] != stamp:
            known = self._documents[path] = (stamp, _read(path, status.st_size))
            if len(self._documents) > _MOST_DOCUMENTS:
                self._documents.popitem(last=False)
        return known[1]

    def parsed(self, document: Document) -> Parsed | None:
        """The tree of a document; None where it has none."""
        known = self._parsed.get(document.path)
        if known is None or known[0] != document.text:
            try:
                found = Parsed(document, parse(document.source))
            except Unreadable:
                found = None
            self._keep(document.path, document.text, found)
            return found
        self._parsed.move_to_end(document.path)
        return known[1]

    def _keep(self, path: str, text: str, parsed: Parsed | None) -> None:
        """Remember a tree in place of those that were not asked for the longest."""
        before = self._parsed.pop(path, None)
        self._kept += len(text) - (len(before[0]) if before else 0)
        self._parsed[path] = (text, parsed)
        while self._kept > _MOST_CHARACTERS and len(self._parsed) > 1:
            _, (old, _) = self._parsed.popitem(last=False)
            self._kept -= len(old)


class Workspace:
    """Answers documents by absolute path and remembers which paths were asked for, also those where nothing lies.

    The record tells caches and editors what a result depends on. Only what really lies below one of `roots`, links
    followed, is read; without roots nothing is in sight but the buffers. One workspace serves one check: a text
    does not change while it is used.
    """

    def __init__(
        self, buffers: Mapping[str, Document] | None = None, roots: Iterable[str] = (), files: Files | None = None
    ) -> None:
        self._buffers = dict(buffers or {})
        self._files = files or Files()
        self._documents: dict[str, Document | None] = {}
        self._parsed: dict[str, Parsed | None] = {}
        self.roots = tuple(dict.fromkeys(os.path.abspath(root) for root in roots))
        self._real_roots = tuple(os.path.realpath(root) for root in self.roots)
        self._real_folders: dict[str, str] = {}
        self.asked: set[str] = set()

    def document(self, path: str) -> Document | None:
        """The text at an absolute path. Its own `path` is that absolute path."""
        self.asked.add(path)
        if path not in self._documents:
            buffer = self._buffers.get(path)
            self._documents[path] = buffer or (self._files.document(path) if self.holds(path) else None)
        return self._documents[path]

    def parsed(self, path: str) -> Parsed | None:
        """The tree at an absolute path; None where no Python lies there."""
        if path not in self._parsed:
            document = self.document(path)
            self._parsed[path] = self._files.parsed(document) if document else None
        return self._parsed[path]

    def has_file(self, path: str) -> bool:
        """Whether a file, or an unsaved text, is there to be read."""
        self.asked.add(path)
        return path in self._buffers or (os.path.isfile(path) and self.holds(path))

    def has_folder(self, path: str) -> bool:
        return os.path.isdir(path) and self.holds(path)

    def python_files(self, most: int) -> list[str] | None:
        """The Python files below the roots; None where there are more than `most`."""
        found: list[str] = []
        for root in self.roots:
            for folder, inner, names in os.walk(root):
                inner[:] = [name for name in inner if not name.startswith(".") and name not in _OF_OTHERS]
                found += [os.path.join(folder, name) for name in names if name.endswith(".py")]
                if len(found) > most:
                    return None
        return found

    def holds(self, path: str) -> bool:
        folder, name = os.path.split(path)
        if folder not in self._real_folders:
            self._real_folders[folder] = os.path.realpath(folder)
        elsewhere = os.path.islink(path) or name in (os.curdir, os.pardir)
        real = os.path.realpath(path) if elsewhere else os.path.join(self._real_folders[folder], name)
        return any(real == root or real.startswith(root.rstrip(os.sep) + os.sep) for root in self._real_roots)


def _read(path: str, size: int) -> Document | None:
    if size > MAX_BYTES:
        return None
    try:
        with open(path, "rb") as file:
            text, _ = decode(file.read(MAX_BYTES))
    except (OSError, UndecodableError):
        return None
    return Document(path, text) if text.count("\n") <= MAX_LINES else None
