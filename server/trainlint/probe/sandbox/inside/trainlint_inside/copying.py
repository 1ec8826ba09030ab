"""Copies an original into scratch before it is changed there."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from typing import Any

from .raw import raw

_numbers = itertools.count()


def copy(place: str, upper: str, keep: bool, most_bytes: int) -> None:
    """Make `upper` what `place` is, a file empty unless `keep`.

    Two processes may do this at once: the first one's copy counts, since it may already have been written to.
    """
    info = raw.lstat(place)
    mode = stat.S_IMODE(info.st_mode)
    if stat.S_ISDIR(info.st_mode):
        with contextlib.suppress(FileExistsError):
            raw.mkdir(upper)
        raw.chmod(upper, mode | 0o700)
    elif stat.S_ISLNK(info.st_mode):
        raw.symlink(raw.readlink(place), upper)
    elif stat.S_ISREG(info.st_mode):
        passing = f"{upper}.{os.getpid()}-{next(_numbers)}.trainlint"
        try:
            with raw.io_open(passing, "wb") as target:
                if keep:
                    _copy_content(place, info, target, most_bytes)
            raw.chmod(passing, mode | 0o600 if raw.access(place, os.W_OK) else mode)
            raw.utime(passing, ns=(info.st_atime_ns, info.st_mtime_ns))
            _publish(passing, upper)
        finally:
            if raw.exists(passing):
                raw.unlink(passing)
    elif stat.S_ISFIFO(info.st_mode):
        raw.mkfifo(upper, mode)
    else:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), place)


def _publish(passing: str, upper: str) -> None:
    """Give the finished copy its name, unless another process was faster. Windows refuses to rename over a
    file.
    """
    try:
        if os.name == "nt":
            raw.rename(passing, upper)
        else:
            raw.link(passing, upper)
    except FileExistsError:
        pass


def _copy_content(place: str, info: os.stat_result, target: Any, most_bytes: int) -> None:
    """Holes stay holes: a file may be larger than the disk."""
    occupied = getattr(info, "st_blocks", info.st_size // 512) * 512
    if occupied > most_bytes:
        reason = " (the sandbox copies a file before it is changed, and this one is over its limit)"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC) + reason, place)
    with raw.io_open(place, "rb", buffering=0) as source:
        offset = 0
        while offset < info.st_size:
            start, end = _next_data(source.fileno(), offset, info.st_size)
            source.seek(start)
            target.seek(start)
            while start < end:
                part = source.read(min(end - start, 1 << 20))
                if not part:
                    break
                target.write(part)
                start += len(part)
            offset = end
        target.truncate(info.st_size)


def _next_data(descriptor: int, offset: int, size: int) -> tuple[int, int]:
    if not hasattr(os, "SEEK_DATA"):
        return offset, size
    try:
        start = os.lseek(descriptor, offset, os.SEEK_DATA)
        return start, os.lseek(descriptor, start, os.SEEK_HOLE)
    except OSError as error:
        # No data after the offset, or a file system that cannot tell.
        return (size, size) if error.errno == errno.ENXIO else (offset, size)
