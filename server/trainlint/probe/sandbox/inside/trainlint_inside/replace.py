"""Puts a redirecting function in the place of each function of `os` and `io` that names a file.

The functions are set on `os` and on the built-in module it takes them from (`posix`, `nt`), which is where
`importlib` looks. What only reads is sent to where the content lies, what changes something to a copy in
scratch.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import stat
import sys
import types
from typing import TYPE_CHECKING, Any

from . import listing
from .descriptors import path_of_descriptor
from .names import Names, Naming, place_of
from .raw import raw
from .standin import StandIn
from .union import Union

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
_TEMPORARY = getattr(os, "O_TMPFILE", 0)

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., Any]

# Name: whether `follow_symlinks` decides about the last component; None where it is never followed.
_READING = {
    "stat": True,
    "lstat": None,
    "access": True,
    "readlink": None,
    "statvfs": True,
    "pathconf": True,
    "getxattr": True,
    "listxattr": True,
}
_CHANGING = {
    "chmod": True,
    "lchmod": None,
    "chown": True,
    "lchown": None,
    "chflags": True,
    "lchflags": None,
    "utime": True,
    "setxattr": True,
    "removexattr": True,
}
_BY_DESCRIPTOR = ("fchmod", "fchown")


def install(union: Union) -> None:
    functions = {
        **{name: _reading(union, name, follow) for name, follow in _READING.items()},
        **{name: _changing(union, name, follow) for name, follow in _CHANGING.items()},
        **{name: _by_descriptor(union, name) for name in _BY_DESCRIPTOR},
        **Names(union).functions(),
        **listing.functions(union),
        "open": _open(union),
    }
    system = sys.modules["nt" if os.name == "nt" else "posix"]
    for name, function in functions.items():
        if hasattr(os, name):
            stand_in = StandIn(function, getattr(os, name))
            for supported in (os.supports_follow_symlinks, os.supports_effective_ids):
                if getattr(os, name) in supported:
                    supported.add(stand_in)
            setattr(os, name, stand_in)
            if hasattr(system, name):
                setattr(system, name, stand_in)
    _replace_io(functions["open"])
    _replace_tests()


def _reading(union: Union, name: str, follow: bool | None) -> Function:
    original = getattr(raw, name, None)

    def function(path: Any = None, *arguments: Any, **keywords: Any) -> Any:
        if path is None or isinstance(path, int) or union.is_untouched():
            return original(path, *arguments, **keywords)  # type: ignore[misc]
        follows = bool(follow) and keywords.get("follow_symlinks", True)
        place = place_of(union, path, keywords.pop("dir_fd", None), follows)
        with Naming(path):
            result = original(union.shown(place), *arguments, **keywords)  # type: ignore[misc]
        if name == "readlink" and isinstance(path, bytes):
            return os.fsencode(result)
        return result

    return function


def _changing(union: Union, name: str, follow: bool | None) -> Function:
    original = getattr(raw, name, None)

    def function(path: Any, *arguments: Any, **keywords: Any) -> Any:
        follows = bool(follow) and keywords.get("follow_symlinks", True)
        place = place_of(union, path, keywords.pop("dir_fd", None), follows)
        if isinstance(path, int) and (not place or union.is_passed(place)):
            return original(path, *arguments, **keywords)  # type: ignore[misc]
        with Naming(path):
            target = union.taken(place, follows, contents=False)
            return original(target, *arguments, **keywords)  # type: ignore[misc]

    return function


def _by_descriptor(union: Union, name: str) -> Function:
    original = getattr(raw, name, None)
    by_path = getattr(raw, name[1:], None)

    def function(fd: int, *arguments: Any) -> Any:
        here = path_of_descriptor(fd)
        if not here or union.is_passed(here):
            return original(fd, *arguments)  # type: ignore[misc]
        return by_path(union.taken(here, contents=False), *arguments)  # type: ignore[misc]

    return function


def _open(union: Union) -> Function:
    def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: Any = None) -> int:
        if not flags & _WRITES and union.is_untouched():
            return int(raw.open(path, flags, mode, dir_fd=dir_fd))
        follow = not flags & getattr(os, "O_NOFOLLOW", 0)
        place = place_of(union, path, dir_fd, follow)
        with Naming(path):
            if not flags & _WRITES:
                return int(raw.open(union.shown(place), flags, mode))
            target = _target(union, place, flags)
            if flags & os.O_TRUNC and not flags & (os.O_WRONLY | os.O_RDWR):
                # The fence of older kernels refuses this kind of open everywhere.
                raw.truncate(target, 0)
                flags &= ~os.O_TRUNC
            return int(raw.open(target, flags, mode))

    return open_


def _target(union: Union, place: str, flags: int) -> str:
    """Where an open for writing goes. Raises what the system would raise."""
    if _TEMPORARY and flags & _TEMPORARY == _TEMPORARY:
        return union.taken(place, contents=False)
    exists = union.exists(place)
    number = 0
    if flags & os.O_CREAT and flags & os.O_EXCL and exists:
        number = errno.EEXIST
    elif not flags & os.O_CREAT and not exists:
        number = errno.ENOENT
    elif raw.is_directory(union.shown(place)):
        number = errno.EISDIR
    if number:
        raise OSError(number, os.strerror(number), place)
    return union.taken(place, follow=not flags & getattr(os, "O_NOFOLLOW", 0), keep=not flags & os.O_TRUNC)


def _replace_io(open_: Function) -> None:
    """`open` in all its places goes through `os.open`, which keeps the name that the script gave."""
    original, file_io = io.open, io.FileIO

    def io_open(file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        # The position of `opener` among the arguments after `mode`.
        has_opener = keywords.get("opener") is not None or (len(arguments) > 5 and arguments[5] is not None)
        if isinstance(file, int) or has_opener:
            return original(file, mode, *arguments, **keywords)
        if len(arguments) > 5:
            arguments = arguments[:5]
        keywords["opener"] = _opener
        return original(file, mode, *arguments, **keywords)

    def _opener(path: Any, flags: int) -> int:
        return int(open_(path, flags, 0o666))

    class Kind(type):
        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, file_io) if cls is FileIO else type.__instancecheck__(cls, instance)

    class FileIO(file_io, metaclass=Kind):  # type: ignore[misc, valid-type]
        def __init__(self, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> None:
            if not isinstance(file, int) and opener is None:
                opener = _opener
            super().__init__(file, mode, closefd, opener)

    def open_code(path: str) -> Any:
        return io_open(path, "rb")

    import _io

    stand_in = StandIn(io_open, original)
    for module in (io, _io):
        module.open_code = StandIn(open_code, io.open_code)  # type: ignore[attr-defined]
        module.open = stand_in  # type: ignore[attr-defined]
        module.FileIO = FileIO  # type: ignore[attr-defined]
    builtins.open = stand_in


def _replace_tests() -> None:
    """Where the tests of `os.path` are built in (Windows, from Python 3.12), put those in that ask
    `os.stat`.
    """
    tests = {"exists": os.stat, "lexists": os.lstat, "isfile": os.stat, "isdir": os.stat, "islink": os.lstat}
    kinds = {"isfile": stat.S_ISREG, "isdir": stat.S_ISDIR, "islink": stat.S_ISLNK}

    def test(name: str) -> Function:
        def function(path: Any) -> bool:
            try:
                mode = tests[name](path).st_mode
            except (OSError, ValueError):
                return False
            return kinds[name](mode) if name in kinds else True

        return function

    for name in tests:
        if isinstance(getattr(os.path, name), types.BuiltinFunctionType):
            setattr(os.path, name, test(name))
