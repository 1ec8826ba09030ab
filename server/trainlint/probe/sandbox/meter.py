"""What a command and everything it started use at this moment."""

from __future__ import annotations

import contextlib
import os
import sys

import psutil

from .scratch import bytes_used

_NOT_ON_DISK = ("/memfd:", "/dev/", "/SYSV", "/i915", "/dmabuf", "/anon_hugepage")


def memory(processes: list[psutil.Process], limit: int) -> int:
    """Bytes the processes hold. Exact (shared pages counted once) only near or above `limit`: the quick sum
    of resident sizes is an upper bound, and below the limit that is enough.
    """
    resident = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            resident += process.memory_info().rss
    if resident <= limit or sys.platform != "linux":
        return resident
    proportional = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            proportional += process.memory_full_info().pss
    return proportional


def scratch(path: str, inside: int | None, processes: list[psutil.Process]) -> int:
    """Bytes written: files below `path` plus files that were unlinked while open.

    `inside` is given when scratch is a file system of its own that only that process sees.
    """
    if inside is not None and sys.platform != "win32":
        with contextlib.suppress(OSError):
            usage = os.statvfs(f"/proc/{inside}/root/tmp")
            return (usage.f_blocks - usage.f_bfree) * usage.f_frsize
    return bytes_used(path) + _unlinked(processes)


def _unlinked(processes: list[psutil.Process]) -> int:
    if sys.platform != "linux":
        return 0
    sizes: dict[tuple[int, int], int] = {}
    for process in processes:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{process.pid}/fd"):
                with contextlib.suppress(OSError):
                    link = f"/proc/{process.pid}/fd/{name}"
                    target = os.readlink(link)
                    if target.endswith(" (deleted)") and not target.startswith(_NOT_ON_DISK):
                        info = os.stat(link)
                        sizes[info.st_dev, info.st_ino] = info.st_blocks * 512
    return sum(sizes.values())
