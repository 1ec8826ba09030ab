"""Level 1: two things that an overlay refuses though the file system below would not."""

from __future__ import annotations

import _io
import builtins
import errno
import io
import os
import posix
import shutil
from typing import Any

from .raw import raw
from .standin import StandIn


def install() -> None:
    for name in ("rename", "replace"):
        stand_in = StandIn(_moving(getattr(raw, name)), getattr(raw, name))
        for module in (os, posix):
            setattr(module, name, stand_in)
    opening = StandIn(_opening(io.open), io.open)
    for module in (builtins, io, _io):
        module.open = opening  # type: ignore[attr-defined]


def _moving(original: Any) -> Any:
    """An overlay does not rename a directory of its lower layer, nor anything into another overlay: copy,
    as `mv` does.
    """

    def rename(src: Any, dst: Any, **keywords: Any) -> None:
        try:
            original(src, dst, **keywords)
        except OSError as error:
            if error.errno != errno.EXDEV or keywords:
                raise
            if not os.path.islink(src) and os.path.isdir(src):
                if os.path.isdir(dst):
                    os.rmdir(dst)
                shutil.copytree(src, dst, symlinks=True)
                shutil.rmtree(src)
            else:
                beside = _beside(dst)
                shutil.copy2(src, beside, follow_symlinks=False)
                raw.replace(beside, dst)
                raw.unlink(src)

    return rename


def _beside(path: Any) -> str:
    return f"{os.fsdecode(path)}.{os.getpid()}.trainlint"


def _opening(original: Any) -> Any:
    """A file of an owner or group that the user namespace does not know cannot be copied up, though it may
    be written: put a copy of our own in its place.
    """

    def open_(file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        try:
            return original(file, mode, *arguments, **keywords)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOVERFLOW) or isinstance(file, int):
                raise
            if not set(mode) & set("wa+") or not os.path.isfile(file) or not os.access(file, os.W_OK):
                raise
        path = os.path.realpath(file)
        beside = _beside(path)
        shutil.copy2(path, beside)
        raw.replace(beside, path)
        return original(file, mode, *arguments, **keywords)

    return open_
