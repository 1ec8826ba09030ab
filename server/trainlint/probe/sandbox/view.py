"""The file system a sandboxed process sees at level 1: an overlay over everything it may write.

Nothing here opens an original for writing. Each directory directly below `/` gets one overlay whose upper
layer lies in scratch. A directory that holds mount points cannot be a lower layer (in a user namespace the
mounts below it are locked), so it is split: rebuilt in scratch, its children placed one by one. What cannot
be overlaid is bound read-only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Mapping

from . import devices, kernel
from .mounts import Mount, is_below

PSEUDO = frozenset(
    {
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs"),
        *("efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs"),
        *("selinuxfs", "sysfs", "tracefs"),
    }
)
REBUILT = ("/dev", "/proc", "/sys")
SYSTEM = ("/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/snap", "/usr")
COPIED_FILE_BYTES = 1 << 20
COPIED_TOTAL_BYTES = 64 << 20
SPLIT_DIRECTORIES = 32


class View:
    """Builds the tree under `root`, an empty directory that is a mount point of the caller's own namespace.

    `layers` is an empty directory in scratch. `hidden` is where scratches live: shown empty. `wanted` are
    paths the script will probably write to. `alone` is the (uid, gid) pair when no other is mapped into the
    user namespace; the kernel then cannot copy up what someone else owns, so directories of others on the
    way to `wanted` get overlays of their own.
    """

    def __init__(
        self,
        root: str,
        layers: str,
        mounts: Mapping[str, Mount],
        *,
        hidden: str,
        wanted: Iterable[str],
        alone: tuple[int, int] | None,
    ) -> None:
        self.root = root
        self.layers = layers
        self.mounts = mounts
        self.hidden = hidden
        self.wanted = sorted({os.path.realpath(path) for path in wanted})
        self.alone = alone
        self.overlays: list[str] = []
        self.read_only: list[str] = []
        self._copied = 0

    def build(self, *, shared_memory_mb: int | None) -> None:
        self._split("/")
        if self.alone is not None:
            for path in self.wanted:
                self._deepen(path)
        if os.path.isdir(self.root + self.hidden):
            kernel.mount("none", self.root + self.hidden, "tmpfs", kernel.MS_RDONLY, "size=4k,mode=000")
        self._proc()
        kernel.bind_read_only("/sys", self.root + "/sys")
        self._dev(shared_memory_mb)

    def _place(self, path: str) -> None:
        mount = self.mounts.get(path)
        if path in REBUILT or path == self.hidden:
            return
        if (mount and mount.kind in PSEUDO) or self._is_left_alone(path):
            self._bind(path)
        elif any(is_below(point, path) for point in self.mounts):
            self._split(path)
        elif mount and mount.read_only:
            self._bind(path)
        elif _is_empty(path):
            self._dress_directory(self.root + path, path)
        elif not self._overlay(path):
            self._bind(path)

    def _is_left_alone(self, path: str) -> bool:
        """Whether `path` is the system's and an unprivileged user has no business there: an overlay costs
        the kernel milliseconds when it is taken down.
        """
        if self.alone is None or path not in SYSTEM:
            return False
        return not any(is_below(other, path) and os.access(other, os.W_OK) for other in self.wanted)

    def _split(self, path: str) -> None:
        below = [other for other in (*self.mounts, *self.wanted) if is_below(other, path)]
        known = {_next_name(path, other) for other in below}
        others = [name for name in _newest_first(path) if name not in known]
        room = SPLIT_DIRECTORIES
        for name in (*sorted(known), *others):
            child = os.path.join(path, name)
            try:
                info = os.lstat(child)
                target = self.root + child
                if stat.S_ISDIR(info.st_mode):
                    os.mkdir(target, stat.S_IMODE(info.st_mode))
                    if room > 0 or name in known:
                        self._place(child)
                    else:
                        self._bind(child)
                    room -= 1
                elif stat.S_ISLNK(info.st_mode):
                    os.symlink(os.readlink(child), target)
                elif stat.S_ISREG(info.st_mode):
                    self._file(child, info)
                elif stat.S_ISFIFO(info.st_mode):
                    os.mkfifo(target, stat.S_IMODE(info.st_mode))
            except (PermissionError, FileNotFoundError):
                continue
        self._dress_directory(self.root + path, path)

    def _file(self, path: str, info: os.stat_result) -> None:
        target = self.root + path
        if info.st_size <= COPIED_FILE_BYTES and self._copied + info.st_size <= COPIED_TOTAL_BYTES:
            try:
                shutil.copyfile(path, target)
                _dress(target, info)
            except OSError:
                pass
            else:
                self._copied += info.st_size
                return
        with open(target, "wb"):
            pass
        try:
            kernel.bind_read_only(path, target)
        except OSError:
            os.unlink(target)
        else:
            self.read_only.append(path)

    def _bind(self, path: str) -> None:
        """Show `path` read-only, or as an empty directory where even that is refused."""
        try:
            kernel.bind_read_only(path, self.root + path)
        except OSError:
            kernel.mount("none", self.root + path, "tmpfs", kernel.MS_RDONLY, "size=4k,mode=000")
        if os.access(path, os.W_OK):
            self.read_only.append(path)

    def _overlay(self, path: str) -> bool:
        layer = os.path.join(self.layers, str(len(self.overlays)))
        upper, work = os.path.join(layer, "upper"), os.path.join(layer, "work")
        try:
            os.makedirs(upper)
            os.mkdir(work)
            self._dress_directory(upper, path)
            # volatile: an unmount would otherwise sync the whole file system that holds scratch.
            options = f"lowerdir={_escaped(path)},upperdir={_escaped(upper)},workdir={_escaped(work)}"
            flags = kernel.MS_NOSUID | kernel.MS_NODEV
            kernel.mount("overlay", self.root + path, "overlay", flags, options + ",userxattr,volatile")
        except OSError:
            shutil.rmtree(layer, ignore_errors=True)
            return False
        self.overlays.append(path)
        return True

    def _dress_directory(self, target: str, path: str) -> None:
        """As `path`; where the directory becomes ours though it is not, without the right to write if we
        have none.
        """
        info = os.stat(path)
        _dress(target, info)
        if self.alone is not None and info.st_uid != self.alone[0] and not os.access(path, os.W_OK):
            os.chmod(target, stat.S_IMODE(info.st_mode) & ~0o222)

    def _deepen(self, path: str) -> None:
        steps = [path]
        while steps[-1] != "/":
            steps.append(os.path.dirname(steps[-1]))
        steps.reverse()
        for number, directory in enumerate(steps):
            child = steps[number + 1] if number + 1 < len(steps) else None
            under_overlay = any(is_below(directory, overlay) for overlay in self.overlays)
            if not under_overlay or directory in self.overlays or directory in self.read_only:
                continue
            try:
                own_child = child is not None and self._is_mine(child)
                may_write = own_child or os.access(directory, os.W_OK)
                if may_write and os.path.isdir(directory) and not self._is_mine(directory):
                    self._overlay(directory)
            except OSError:
                return

    def _is_mine(self, path: str) -> bool:
        info = os.stat(path)
        return (info.st_uid, info.st_gid) == self.alone

    def _proc(self) -> None:
        proc = self.root + "/proc"
        kernel.mount("proc", proc, "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
        for name in ("acpi", "bus", "driver", "fs", "irq", "scsi", "sys", "sysrq-trigger"):
            path = f"{proc}/{name}"
            if os.path.exists(path):
                kernel.bind_read_only(path, path)

    def _dev(self, shared_memory_mb: int | None) -> None:
        dev = self.root + "/dev"
        kernel.mount("none", dev, "tmpfs", kernel.MS_NOSUID | kernel.MS_NOEXEC, "mode=755,size=1m")
        for node in devices.nodes():
            target = self.root + node
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb"):
                pass
            kernel.mount(node, target, None, kernel.MS_BIND)
        for name, link in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
            os.symlink("/proc/self/fd" + link, f"{dev}/{name}")
        os.symlink("pts/ptmx", f"{dev}/ptmx")
        os.mkdir(f"{dev}/pts")
        kernel.mount("none", f"{dev}/pts", "devpts", kernel.MS_NOSUID, "newinstance,ptmxmode=0666,mode=620")
        self._shared_memory(f"{dev}/shm", "" if shared_memory_mb is None else f",size={shared_memory_mb}m")

    def _shared_memory(self, target: str, size: str) -> None:
        """What lies in /dev/shm can be read (some keep their data there); what is written stays in memory."""
        os.mkdir(target)
        flags = kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.mount("none", target, "tmpfs", flags, "mode=1777" + size)
        upper, work = f"{target}/upper", f"{target}/work"
        os.mkdir(upper)
        os.mkdir(work)
        os.chmod(upper, 0o1777)
        options = f"lowerdir=/dev/shm,upperdir={_escaped(upper)},workdir={_escaped(work)},userxattr,volatile"
        try:
            kernel.mount("overlay", target, "overlay", flags, options)
        except OSError:
            os.rmdir(upper)
            os.rmdir(work)


def _is_empty(path: str) -> bool:
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def _newest_first(path: str) -> list[str]:
    """Names in a directory; where there are too many for an overlay each, those in use come first."""
    try:
        with os.scandir(path) as entries:
            found = [(entry.stat(follow_symlinks=False).st_mtime, entry.name) for entry in entries]
    except OSError:
        return []
    return [name for _, name in sorted(found, reverse=True)]


def _next_name(directory: str, below: str) -> str:
    return below[len(directory.rstrip("/")) + 1 :].split("/", 1)[0]


def _dress(path: str, like: os.stat_result) -> None:
    """Give `path` the owner (where that is allowed), mode and times of `like`."""
    with contextlib.suppress(OSError):
        os.chown(path, like.st_uid, like.st_gid)
    os.chmod(path, stat.S_IMODE(like.st_mode))
    os.utime(path, ns=(like.st_atime_ns, like.st_mtime_ns))


def _escaped(path: str) -> str:
    for character in "\\,:":
        path = path.replace(character, "\\" + character)
    return path
