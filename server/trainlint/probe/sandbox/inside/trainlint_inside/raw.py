"""The functions of `os` as they were before any was replaced. What the redirection itself does goes through
these.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from typing import Any


class _Raw:
    """`raw.NAME` is `os.NAME` from before; functions that this system lacks are missing."""

    def __init__(self) -> None:
        for name in dir(os):
            value = getattr(os, name)
            if callable(value):
                setattr(self, name, value)
        self.io_open = io.open

    def __getattr__(self, name: str) -> Any:
        raise AttributeError("os has no " + name)

    def exists(self, path: str) -> bool:
        """Whether there is anything by that name, a dangling link included."""
        try:
            self.lstat(path)
        except (OSError, ValueError):
            return False
        return True

    def is_directory(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self.stat(path).st_mode)
        except (OSError, ValueError):
            return False

    def is_own_directory(self, path: str) -> bool:
        """A directory, and not a link to one."""
        try:
            return stat.S_ISDIR(self.lstat(path).st_mode)
        except (OSError, ValueError):
            return False

    def delete_tree(self, path: str) -> None:
        if not self.is_own_directory(path):
            self.unlink(path)
            return
        for name in self.listdir(path):
            self.delete_tree(os.path.join(path, name))
        self.rmdir(path)

    def make_directories(self, path: str) -> None:
        if not self.is_directory(path):
            self.make_directories(os.path.dirname(path))
            with contextlib.suppress(FileExistsError):
                self.mkdir(path, 0o700)


raw = _Raw()
