"""From the name of a module to its place in the workspace, as Python would find it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..source.workspace import Workspace
from .frameworks.table import PACKAGES

_PACKAGE = "__init__.py"


@dataclass(frozen=True, slots=True)
class Location:
    """A module of the workspace: its file, or the folder of a package that has none. `name` is its dotted name."""

    path: str
    name: str
    is_file: bool

    @property
    def folder(self) -> str | None:
        """Where its submodules lie; None for a plain module."""
        if not self.is_file:
            return self.path
        return os.path.dirname(self.path) if os.path.basename(self.path) == _PACKAGE else None


# Folders that projects put on the path themselves.
_SOURCES = ("src", "lib")


class Resolver:
    """Finds modules for the files of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._found: dict[tuple[str, tuple[str, ...]], Location | None] = {}
        self._folders: dict[str, list[tuple[str, bool]]] = {}

    def absolute(self, importer: str, name: str) -> Location | None:
        """The module `name` for the file `importer`; None where it is a library, or nowhere in sight.

        Installed libraries give way only to what lies beside a script. A library that the tables know is best known
        by them, also to those who work on its own code. Folders without an ``__init__.py`` come last.
        """
        parts = name.split(".")
        top = parts[0]
        if top in sys.builtin_module_names or not top:
            return None
        installed = top in sys.stdlib_module_names or top in PACKAGES
        portion: Location | None = None
        for folder, comes_first in self._search(importer):
            if installed and not comes_first:
                continue
            head = self._within(folder, (top,))
            if head is None or (top in PACKAGES and head.folder is not None):
                continue
            found = self._within(folder, tuple(parts))
            if head.is_file:
                return found
            if portion is None and not installed:
                portion = found
        return portion

    def relative(self, importer: str, level: int, name: str | None) -> Location | None:
        """The module that `level` dots and `name` mean in the file `importer`. Its name keeps the dots: it is no library."""
        folder = os.path.dirname(importer)
        for _ in range(level - 1):
            folder = os.path.dirname(folder)
        if name:
            found = self._within(folder, tuple(name.split(".")))
            return Location(found.path, "." * level + found.name, found.is_file) if found else None
        own = "." * level + os.path.basename(folder)
        if self.workspace.has_file(os.path.join(folder, _PACKAGE)):
            return Location(os.path.join(folder, _PACKAGE), own, is_file=True)
        return Location(folder, own, is_file=False) if self.workspace.has_folder(folder) else None

    def submodule(self, of: Location, name: str) -> Location | None:
        if of.folder is None:
            return None
        found = self._within(of.folder, (name,))
        return Location(found.path, f"{of.name}.{name}", found.is_file) if found else None

    def _within(self, folder: str, parts: tuple[str, ...]) -> Location | None:
        key = (folder, parts)
        if key not in self._found:
            self._found[key] = self._look(folder, parts)
        return self._found[key]

    def _look(self, folder: str, parts: Sequence[str]) -> Location | None:
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            inside = os.path.join(folder, part)
            name = ".".join(parts)
            if self.workspace.has_file(os.path.join(inside, _PACKAGE)):
                if last:
                    return Location(os.path.join(inside, _PACKAGE), name, is_file=True)
            elif self.workspace.has_file(inside + ".py"):
                return Location(inside + ".py", name, is_file=True) if last else None
            elif not self.workspace.has_folder(inside):
                return None
            elif last:
                return Location(inside, name, is_file=False)
            folder = inside
        return None

    def _search(self, importer: str) -> list[tuple[str, bool]]:
        """The folders that may be on ``sys.path``, and whether each comes before the installed libraries."""
        own = os.path.dirname(importer)
        if own not in self._folders:
            found: dict[str, bool] = {}
            for folder, comes_first in self._candidates(own):
                found.setdefault(folder, comes_first)
            self._folders[own] = list(found.items())
        return self._folders[own]

    def _candidates(self, own: str) -> Iterator[tuple[str, bool]]:
        """A script's own folder, the folder above its package, and what lies between it and the roots."""
        top = own
        while self.workspace.has_file(os.path.join(top, _PACKAGE)) and os.path.dirname(top) != top:
            top = os.path.dirname(top)
        if top == own:
            yield own, True
        else:
            yield top, False
            yield own, False
        roots = [root for root in self.workspace.roots if own == root or own.startswith(root.rstrip(os.sep) + os.sep)]
        above = own
        while above not in roots and roots and os.path.dirname(above) != above:
            above = os.path.dirname(above)
            yield above, False
        for root in (*sorted(roots, key=len, reverse=True), *self.workspace.roots):
            yield root, False
            for inner in _SOURCES:
                yield os.path.join(root, inner), False
