"""The functions of `os` that make, remove and move names."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Any

from . import copying
from .descriptors import path_of_descriptor
from .raw import raw
from .union import Union

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., Any]


def place_of(union: Union, path: Any, directory: Any = None, follow: bool = True) -> str:
    """The place that a path names, relative to an open directory if one is given; a descriptor names what
    it is on.
    """
    if isinstance(path, int):
        return union.original(path_of_descriptor(path))
    if directory is not None and not os.path.isabs(os.fsdecode(path)):
        path = os.path.join(union.original(path_of_descriptor(directory)), os.fsdecode(path))
    return union.resolved(path, follow)


class Naming:
    """Around a call: an error names the path that the script gave."""

    def __init__(self, path: Any) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, OSError) and error.filename is not None:
            error.filename = self._path


class Names:
    """The functions that make, remove and move names."""

    def __init__(self, union: Union) -> None:
        self._union = union

    def functions(self) -> dict[str, Function]:
        names = "mkdir rmdir unlink rename replace link symlink mkfifo mknod truncate chdir getcwd"
        found = {name: getattr(self, name) for name in names.split() if hasattr(self, name)}
        found["remove"] = self.unlink
        found["getcwdb"] = lambda: os.fsencode(self.getcwd())
        return found

    def getcwd(self) -> str:
        return self._union.cwd()

    def chdir(self, path: Any) -> None:
        untouched = isinstance(path, int) or self._union.is_untouched()
        with Naming(path):
            raw.chdir(path if untouched else self._union.seen(path))

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: Any = None) -> None:
        self._create(path, dir_fd, lambda upper: raw.mkdir(upper, mode))

    def mkfifo(self, path: Any, mode: int = 0o666, *, dir_fd: Any = None) -> None:
        self._create(path, dir_fd, lambda upper: raw.mkfifo(upper, mode))

    def mknod(self, path: Any, mode: int = 0o600, device: int = 0, *, dir_fd: Any = None) -> None:
        self._create(path, dir_fd, lambda upper: raw.mknod(upper, mode, device))

    def symlink(self, src: Any, dst: Any, target_is_directory: bool = False, *, dir_fd: Any = None) -> None:
        self._create(dst, dir_fd, lambda upper: raw.symlink(os.fsdecode(src), upper, target_is_directory))
        self._union.changed()

    def link(
        self,
        src: Any,
        dst: Any,
        *,
        src_dir_fd: Any = None,
        dst_dir_fd: Any = None,
        follow_symlinks: bool = False,
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
            with Naming(path):
                raw.truncate(self._union.taken(place, keep=length > 0), length)

    def _existing(self, path: Any, directory: Any, follow: bool = False) -> str:
        place = place_of(self._union, path, directory, follow)
        if not self._union.exists(place):
            raise _failure(errno.ENOENT, path)
        return place

    def _create(self, path: Any, directory: Any, make: Callable[[str], None]) -> None:
        place = place_of(self._union, path, directory, follow=False)
        if self._union.exists(place):
            raise _failure(errno.EEXIST, path)
        with Naming(path):
            make(self._union.taken(place, follow=False))

    def _vanish(self, place: str, path: Any, remove: Function) -> None:
        if self._union.is_passed(place):
            with Naming(path):
                remove(place)
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
        with Naming(src):
            source = union.take_tree(old) if not union.is_passed(old) else old
            target = union.taken(new, follow=False, keep=False, contents=False)
            if raw.is_own_directory(target):
                raw.rmdir(target)
            _rename(source, target)
        if moves_directory and not union.is_passed(new):
            union.hide(new)
        if not union.is_passed(old):
            union.hide(old)
        union.changed()


def _rename(source: str, target: str) -> None:
    """A first Landlock refuses to move between directories as if they were on two disks."""
    try:
        raw.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _carry(source, target)


def _carry(source: str, target: str) -> None:
    if raw.exists(target):
        raw.delete_tree(target)
    copying.copy(source, target, keep=True, most_bytes=sys.maxsize)
    if raw.is_own_directory(source):
        for name in raw.listdir(source):
            _carry(os.path.join(source, name), os.path.join(target, name))
    raw.delete_tree(source)


def _failure(number: int, path: Any) -> OSError:
    return OSError(number, os.strerror(number), path)
