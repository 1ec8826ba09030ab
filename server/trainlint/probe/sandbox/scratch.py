"""Scratch directories: made for one run, locked while it lives, swept by a later run when it was killed.

A base directory holds the scratches of one user. Each holds a `lock` file; who cannot be asked any more
(killed, machine restarted) no longer holds its lock, and so the scratch, and every process still marked
with it, is stale.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator

MARK = "TRAINLINT_SANDBOX"
"""Environment variable of every process in a sandbox: the path of its scratch."""

_LOCK = "lock"


def bases() -> Iterator[str]:
    """Directories that scratches can be made in, made if need be, best first: what the user asked for, then
    disk, then whatever is temporary.
    """
    import platformdirs

    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    places = [os.environ.get("TMPDIR", ""), "/var/tmp" if os.name == "posix" else ""]
    own = [os.path.join(place, f"trainlint-{user}") for place in places if place]
    own.append(os.path.join(platformdirs.user_cache_dir("trainlint", False), "scratch"))
    own.append(os.path.join(tempfile.gettempdir(), f"trainlint-{user}"))
    return (place for place in dict.fromkeys(map(os.path.abspath, own)) if _is_private(place))


def _is_private(base: str) -> bool:
    """Make `base` if need be. False when it cannot be made or could be someone else's trap."""
    try:
        os.makedirs(base, mode=0o700, exist_ok=True)
        info = os.lstat(base)
    except OSError:
        return False
    if os.name != "posix":
        return stat.S_ISDIR(info.st_mode)
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid() and not info.st_mode & 0o022


class Scratch:
    """A fresh scratch directory below `base`, locked by this process."""

    def __init__(self, base: str) -> None:
        with _locked(os.path.join(base, _LOCK), wait=True):
            self.path = os.path.join(os.path.realpath(base), os.urandom(6).hex())
            os.mkdir(self.path, 0o700)
            self._held = contextlib.ExitStack()
            self._held.enter_context(_locked(os.path.join(self.path, _LOCK), wait=True))

    def delete(self) -> bool:
        """False when something in it could not be deleted; a later sweep tries again."""
        _empty(self.path)
        self._held.close()
        return _vanish(self.path)


def trial_scratch(base: str) -> Scratch:
    """A directory beside `base` that plays the user's files in a trial; the one of a trial that was killed
    goes.
    """
    trials = base + ".trial"
    if not _is_private(trials):
        raise OSError(f"`{trials}` is not ours alone")
    for path in stale(trials):
        delete_stale(path)
    return Scratch(trials)


def stale(base: str) -> list[str]:
    """Scratches below `base` whose run is over though they are still there."""
    found = []
    with _locked(os.path.join(base, _LOCK), wait=True):
        for name in sorted(os.listdir(base)):
            path = os.path.join(os.path.realpath(base), name)
            if not os.path.isdir(path):
                continue
            try:
                with _locked(os.path.join(path, _LOCK), wait=False):
                    found.append(path)
            except OSError:
                continue
    return found


def delete_stale(path: str) -> None:
    _empty(path)
    _vanish(path)


def bytes_used(path: str) -> int:
    """What the files below `path` occupy on disk, holes not counted."""
    total = 0
    pending = [path]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    try:
                        info = entry.stat(follow_symlinks=False)
                        total += _occupied(info)
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
                    except OSError:
                        continue
        except OSError:
            continue
    return total


def free_bytes(path: str) -> int:
    return shutil.disk_usage(path).free


def _occupied(info: os.stat_result) -> int:
    return info.st_blocks * 512 if sys.platform != "win32" else info.st_size


def _empty(path: str) -> None:
    """Delete everything but the lock, whatever modes the command left and however deep it nested directories."""
    for entry in _opened(path):
        if entry.is_dir(follow_symlinks=False):
            with contextlib.suppress(RecursionError):
                shutil.rmtree(entry.path, ignore_errors=True)
    _lift(path)


def _lift(path: str) -> None:
    """Directories are moved up one by one and opened, so that no path gets long and no call nests."""
    # A sweep that was cut short left names of this kind.
    prefix = os.path.join(path, f"lifted-{os.urandom(4).hex()}-")
    lifted = 0
    pending = [path]
    while pending:
        directory = pending.pop()
        for entry in _opened(directory):
            with contextlib.suppress(OSError):
                if not entry.is_dir(follow_symlinks=False):
                    if entry.path != os.path.join(path, _LOCK):
                        os.unlink(entry.path)
                    continue
                place = entry.path
                if directory != path:
                    os.chmod(place, 0o700)
                    lifted += 1
                    place = f"{prefix}{lifted}"
                    os.rename(entry.path, place)
                pending.append(place)
        if directory != path:
            with contextlib.suppress(OSError):
                os.rmdir(directory)


def _opened(directory: str) -> list[os.DirEntry[str]]:
    with contextlib.suppress(OSError):
        os.chmod(directory, 0o700)
        with os.scandir(directory) as entries:
            return list(entries)
    return []


def _vanish(path: str) -> bool:
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(path, _LOCK))
    with contextlib.suppress(OSError):
        os.rmdir(path)
    return not os.path.lexists(path)


@contextlib.contextmanager
def _locked(path: str, *, wait: bool) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, made if need be. Raises `OSError` when it is held and not
    waited for.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
