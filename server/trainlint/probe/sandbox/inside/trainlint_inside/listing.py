"""Listings of directories of which a part lies in scratch."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

from .descriptors import path_of_descriptor
from .raw import raw
from .union import Union


class Entry:
    """As `os.DirEntry`, for a name that a merged listing shows."""

    __slots__ = ("_number", "name", "path")

    def __init__(self, name: Any, path: Any) -> None:
        self.name = name
        self.path = path
        self._number: int | None = None

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return os.stat(self.path, follow_symlinks=follow_symlinks)

    def inode(self) -> int:
        return os.stat(self.path, follow_symlinks=False).st_ino

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return stat.S_ISDIR(self._mode(follow_symlinks))

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return stat.S_ISREG(self._mode(follow_symlinks))

    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self._mode(False))

    def is_junction(self) -> bool:
        return False

    def _mode(self, follow: bool) -> int:
        try:
            return os.stat(self.path, follow_symlinks=follow).st_mode
        except FileNotFoundError:
            return 0


class Entries:
    """As what `os.scandir` returns."""

    def __init__(self, entries: Iterator[Entry]) -> None:
        self._entries = entries

    def __iter__(self) -> Entries:
        return self

    def __next__(self) -> Entry:
        return next(self._entries)

    def __enter__(self) -> Entries:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


def functions(union: Union) -> dict[str, Callable[..., Any]]:
    def listdir(path: Any = ".") -> Any:
        place = None if path is None or union.is_untouched() else _place(union, path)
        if place is None or not _is_merged_directory(union, place):
            return raw.listdir(path if place is None else _as_given(union, path, place))
        names = union.names(place)
        return [os.fsencode(name) for name in names] if isinstance(path, bytes) else names

    def scandir(path: Any = ".") -> Any:
        place = None if path is None or union.is_untouched() else _place(union, path)
        if place is None or not _is_merged_directory(union, place):
            return raw.scandir(path if place is None else _as_given(union, path, place))
        prefix = place if isinstance(path, int) else os.fspath(path)
        if isinstance(prefix, bytes):
            encoded = [os.fsencode(name) for name in union.names(place)]
            return Entries(iter([Entry(name, os.path.join(prefix, name)) for name in encoded]))
        return Entries(iter([Entry(name, os.path.join(prefix, name)) for name in union.names(place)]))

    return {"listdir": listdir, "scandir": scandir}


def _place(union: Union, path: Any) -> str | None:
    """None for a descriptor that stays as it is."""
    if isinstance(path, int):
        here = path_of_descriptor(path)
        return union.original(here) if here else None
    return union.resolved(path)


def _is_merged_directory(union: Union, place: str) -> bool:
    return not union.is_passed(place) and union.is_merged(place) and raw.is_directory(union.shown(place))


def _as_given(union: Union, path: Any, place: str) -> Any:
    """The path itself where the system sees there what the script should see, so that entries are named
    after it.
    """
    shown = union.shown(place)
    if isinstance(path, int) or shown == place:
        return path
    return os.fsencode(shown) if isinstance(path, bytes) else shown
