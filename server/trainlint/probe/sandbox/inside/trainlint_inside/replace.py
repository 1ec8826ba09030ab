"""Puts a redirecting function in the place of each function of `os` and `io` that names a file.

The functions are set on `os` and on the built-in module it takes them from (`posix`, `nt`), which is where `importlib`
looks. What only reads is sent to where the content lies, what changes something to a copy in scratch.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import stat
import sys
import types
from typing import Any, Callable

from . import listing
from .descriptors import path_of_descriptor
from .raw import raw
from .standin import StandIn
from .union import Union

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
_TEMPORARY = getattr(os, "O_TMPFILE", 0)

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
        **_Names(union).functions(),
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


def place_of(union: Union, path: Any, directory: Any = None, follow: bool = True) -> str:
    """The place that a path names, relative to an open directory if one is given; a descriptor names what it is on."""
    if isinstance(path, int):
        return union.original(path_of_descriptor(path))
    if directory is not None and not os.path.isabs(os.fsdecode(path)):
        path = os.path.join(union.original(path_of_descriptor(directory)), os.fsdecode(path))
    return union.resolved(path, follow)


def _reading(union: Union, name: str, follow: "bool | None") -> Function:
    original = getattr(raw, name, None)

    def function(path: Any = None, *arguments: Any, **keywords: Any) -> Any:
        if path is None or isinstance(path, int):
            return original(path, *arguments, **keywords)  # type: ignore[misc]
        follows = bool(follow) and keywords.get("follow_symlinks", True)
        place = place_of(union, path, keywords.pop("dir_fd", None), follows)
        result = _naming(path, original, union.shown(place), *arguments, **keywords)
        if name == "readlink" and isinstance(path, bytes):
            return os.fsencode(result)
        return result

    return function


def _changing(union: Union, name: str, follow: "bool | None") -> Function:
    original = getattr(raw, name, None)

    def function(path: Any, *arguments: Any, **keywords: Any) -> Any:
        follows = bool(follow) and keywords.get("follow_symlinks", True)
        place = place_of(union, path, keywords.pop("dir_fd", None), follows)
        if isinstance(path, int) and (not place or union.is_passed(place)):
            return original(path, *arguments, **keywords)  # type: ignore[misc]
        return _naming(path, original, union.taken(place, follows, contents=False), *arguments, **keywords)

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


def _naming(path: Any, function: "Function | None", *arguments: Any, **keywords: Any) -> Any:
    """Call it; an error names the path that the script gave."""
    assert function is not None
    try:
        return function(*arguments, **keywords)
    except OSError as error:
        if error.filename is not None:
            error.filename = path
        raise


def _open(union: Union) -> Function:
    def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: Any = None) -> int:
        follow = not flags & getattr(os, "O_NOFOLLOW", 0)
        place = place_of(union, path, dir_fd, follow)
        if not flags & _WRITES:
            target = union.shown(place)
        elif _TEMPORARY and flags & _TEMPORARY == _TEMPORARY:
            target = union.taken(place, contents=False)
        else:
            if flags & os.O_CREAT and flags & os.O_EXCL and union.exists(place):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            if not flags & os.O_CREAT and not union.exists(place):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            if raw.is_directory(union.shown(place)):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            target = union.taken(place, follow, keep=not flags & os.O_TRUNC)
        return int(_naming(path, raw.open, target, flags, mode))

    return open_


class _Names:
    """The functions that make, remove and move names."""

    def __init__(self, union: Union) -> None:
        self._union = union

    def functions(self) -> "dict[str, Function]":
        names = "mkdir rmdir unlink rename replace link symlink mkfifo mknod truncate chdir getcwd"
        found = {name: getattr(self, name) for name in names.split() if hasattr(self, name)}
        found["remove"] = self.unlink
        found["getcwdb"] = lambda: os.fsencode(self.getcwd())
        return found

    def getcwd(self) -> str:
        return self._union.cwd()

    def chdir(self, path: Any) -> None:
        _naming(path, raw.chdir, path if isinstance(path, int) else self._union.seen(path))

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: Any = None) -> None:
        self._create(path, dir_fd, lambda upper: raw.mkdir(upper, mode))

    def mkfifo(self, path: Any, mode: int = 0o666, *, dir_fd: Any = None) -> None:
        self._create(path, dir_fd, lambda upper: raw.mkfifo(upper, mode))

    def mknod(self, path: Any, mode: int = 0o600, device: int = 0, *, dir_fd: Any = None) -> None:
        self._create(path, dir_fd, lambda upper: raw.mknod(upper, mode, device))

    def symlink(self, src: Any, dst: Any, target_is_directory: bool = False, *, dir_fd: Any = None) -> None:
        self._create(dst, dir_fd, lambda upper: raw.symlink(os.fsdecode(src), upper, target_is_directory))

    def link(
        self, src: Any, dst: Any, *, src_dir_fd: Any = None, dst_dir_fd: Any = None, follow_symlinks: bool = False
    ) -> None:
        place = self._existing(src, src_dir_fd, follow_symlinks)
        source = self._union.taken(place, follow=False, contents=False)
        self._create(dst, dst_dir_fd, lambda upper: raw.link(source, upper))

    def unlink(self, path: Any, *, dir_fd: Any = None) -> None:
        place = self._existing(path, dir_fd)
        if raw.is_own_directory(self._union.shown(place)):
            raise _failure(errno.EISDIR if sys.platform != "darwin" else errno.EPERM, path)
        self._vanish(place, path, raw.unlink)

    def rmdir(self, path: Any, *, dir_fd: Any = None) -> None:
        place = self._existing(path, dir_fd)
        if not raw.is_own_directory(self._union.shown(place)):
            raise _failure(errno.ENOTDIR, path)
        if self._union.names(place) and not self._union.is_passed(place):
            raise _failure(errno.ENOTEMPTY, path)
        self._vanish(place, path, raw.rmdir)

    def rename(self, src: Any, dst: Any, *, src_dir_fd: Any = None, dst_dir_fd: Any = None) -> None:
        self._move(src, dst, src_dir_fd, dst_dir_fd, over=os.name != "nt")

    def replace(self, src: Any, dst: Any, *, src_dir_fd: Any = None, dst_dir_fd: Any = None) -> None:
        self._move(src, dst, src_dir_fd, dst_dir_fd, over=True)

    def truncate(self, path: Any, length: int) -> None:
        place = place_of(self._union, path)
        if isinstance(path, int) and (not place or self._union.is_passed(place)):
            raw.truncate(path, length)
        else:
            if not self._union.exists(place):
                raise _failure(errno.ENOENT, path)
            _naming(path, raw.truncate, self._union.taken(place, keep=length > 0), length)

    def _existing(self, path: Any, directory: Any, follow: bool = False) -> str:
        place = place_of(self._union, path, directory, follow)
        if not self._union.exists(place):
            raise _failure(errno.ENOENT, path)
        return place

    def _create(self, path: Any, directory: Any, make: "Callable[[str], None]") -> None:
        place = place_of(self._union, path, directory, follow=False)
        if self._union.exists(place):
            raise _failure(errno.EEXIST, path)
        _naming(path, make, self._union.taken(place, follow=False))

    def _vanish(self, place: str, path: Any, remove: Function) -> None:
        if self._union.is_passed(place):
            _naming(path, remove, place)
            return
        parent = self._union.shown(os.path.dirname(place))
        if not raw.access(parent, os.W_OK):
            raise _failure(errno.EACCES, path)
        self._union.remove(place)

    def _move(self, src: Any, dst: Any, src_directory: Any, dst_directory: Any, over: bool) -> None:
        union = self._union
        old = self._existing(src, src_directory)
        new = place_of(union, dst, dst_directory, follow=False)
        if old == new:
            return
        moves_directory = raw.is_own_directory(union.shown(old))
        if union.exists(new):
            if not over:
                raise _failure(errno.EEXIST, dst)
            covers_directory = raw.is_own_directory(union.shown(new))
            if moves_directory and not covers_directory:
                raise _failure(errno.ENOTDIR, dst)
            if covers_directory and not moves_directory:
                raise _failure(errno.EISDIR, dst)
            if covers_directory and union.names(new):
                raise _failure(errno.ENOTEMPTY, dst)
        source = union.take_tree(old) if not union.is_passed(old) else old
        target = union.taken(new, follow=False, keep=False, contents=False)
        if raw.is_own_directory(target):
            raw.rmdir(target)
        _naming(src, _rename, source, target)
        if moves_directory and not union.is_passed(new):
            union.hide(new)
        if not union.is_passed(old):
            union.hide(old)


def _rename(source: str, target: str) -> None:
    """A first Landlock refuses to move between directories as if they were on two disks."""
    try:
        raw.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        import shutil

        shutil.move(source, target, copy_function=shutil.copy2)


def _failure(number: int, path: Any) -> OSError:
    return OSError(number, os.strerror(number), path)


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
        module.FileIO = FileIO  # type: ignore[attr-defined, misc]
    builtins.open = stand_in  # type: ignore[assignment]


def _replace_tests() -> None:
    """Where the tests of `os.path` are built in (Windows, from Python 3.12), put those in that ask `os.stat`."""
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
