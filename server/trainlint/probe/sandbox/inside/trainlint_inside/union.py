"""Two trees seen as one: the originals, and above them what was written in scratch.

    files/PATH        what was written at PATH, or a directory on the way to it
    gone/PATH/.gone   the original at PATH, with all below it, is hidden
    changes           one byte for each change that can make a path lead elsewhere

The state is in these two trees alone, so that every Python process of a run sees the same.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Any

from . import copying
from .raw import raw

_GONE = ".gone"
_MOST_LINKS = 40
_MOST_REMEMBERED = 4096
_SHARED_MEMORY = "/dev/shm"


class Union:
    """Paths that go in may be relative to the working directory; paths that come out are absolute.

    `seen` answers where to look, `taken` where to write. Both follow symbolic links through both trees. A
    "place" is a path without links and dots, as `resolved` returns it.
    """

    def __init__(self, scratch: str, most_bytes: int) -> None:
        self.scratch = scratch
        self.files = os.path.join(scratch, "files")
        self._gone = os.path.join(scratch, "gone")
        self._changes = os.path.join(scratch, "changes")
        self._most_bytes = most_bytes
        self._known_changes = 0
        self._directories: dict[str, str] = {}

    def is_untouched(self) -> bool:
        """Whether no process of the run has written anything yet, so that every path leads where it says."""
        self._keep_up()
        return self._known_changes == 0

    def cwd(self) -> str:
        return self.original(raw.getcwd())

    def original(self, path: str) -> str:
        """The name that the script knows a place in `files` by; other paths unchanged."""
        if path != self.files and not path.startswith(self.files + os.sep):
            return path
        rest = path[len(self.files) :]
        if os.name == "posix":
            return rest or "/"
        drive, _, below = rest.strip(os.sep).partition(os.sep)
        return drive + ":" + os.sep + below

    def resolved(self, path: Any, follow: bool = True) -> str:
        """The last component is kept as it is unless `follow`."""
        text = os.fsdecode(path)
        if not text:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), text)
        if os.name != "posix":
            return os.path.normpath(os.path.join(self.cwd(), text))
        if _is_of_the_machine(text):
            return text
        self._keep_up()
        head, tail = os.path.split(self.original(text if text.startswith("/") else self.cwd() + "/" + text))
        if tail in ("", ".", ".."):
            return self._walked(os.path.join(head, tail), 0)
        directory = self._directories.get(head)
        if directory is None:
            directory = self._directories[head] = self._walked(head, 0)
        place = os.path.join(directory, tail)
        return self._followed(place, 0) if follow else place

    def _walked(self, path: str, links: int) -> str:
        current = "/"
        for name in path.split("/"):
            if name == "..":
                current = os.path.dirname(current)
            elif name not in ("", "."):
                current = self._followed(os.path.join(current, name), links)
        return current

    def _followed(self, place: str, links: int) -> str:
        try:
            target = self.original(os.fsdecode(raw.readlink(self.shown(place))))
        except OSError:
            return place
        if links >= _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), place)
        return self._walked(os.path.join(os.path.dirname(place), target), links + 1)

    def _keep_up(self) -> None:
        """Forget what is remembered of paths if any process changed where they lead."""
        try:
            changes = raw.stat(self._changes).st_size
        except OSError:
            return
        if changes != self._known_changes or len(self._directories) > _MOST_REMEMBERED:
            self._directories = {}
            self._known_changes = changes

    def changed(self) -> None:
        """A path may lead elsewhere from now on."""
        descriptor = raw.open(self._changes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, b".")
        finally:
            os.close(descriptor)
        self._keep_up()

    def seen(self, path: Any, follow: bool = True) -> str:
        """Where the content that the script should see at `path` lies; a path without a file if there is
        none.
        """
        return self.shown(self.resolved(path, follow))

    def taken(self, path: Any, follow: bool = True, keep: bool = True, contents: bool = True) -> str:
        """Where to write instead of `path`. What is there is copied first; only its mode when `keep` is
        false.

        Raises what the system would raise where there is no directory to write in, where nothing may be
        created, or, for a change of `contents`, where the file may not be written.
        """
        place = self.resolved(path, follow)
        if self.is_passed(place):
            self._refuse_machine(place)
            return place
        upper = self.upper(place)
        if raw.exists(upper):
            return upper
        parent = self.shown(os.path.dirname(place))
        if not raw.is_directory(parent):
            raise _failure(errno.ENOTDIR if raw.exists(parent) else errno.ENOENT, path)
        exists = self.exists(place)
        if not raw.access(place if exists and contents else parent, os.W_OK) and (contents or not exists):
            raise _failure(errno.EACCES, path)
        if self._known_changes == 0:
            self.changed()
        self._mirror(os.path.dirname(place))
        if exists:
            copying.copy(place, upper, keep, self._most_bytes)
        return upper

    def exists(self, place: str) -> bool:
        return raw.exists(self.shown(place))

    def remove(self, place: str) -> None:
        """Forget what is at `place`: a file, or a directory that looks empty."""
        if raw.exists(self.upper(place)):
            raw.delete_tree(self.upper(place))
        self.hide(place)

    def hide(self, place: str) -> None:
        """From now on the original at `place` is not seen, nor what is below it."""
        if raw.exists(place) and not self.is_hidden(place):
            mark = _below(self._gone, place)
            raw.make_directories(mark)
            with raw.io_open(os.path.join(mark, _GONE), "wb"):
                pass
        self.changed()

    def is_hidden(self, place: str) -> bool:
        mark = _below(self._gone, place)
        # Mostly nothing was removed near the place, and its top directory tells.
        top = mark.find(os.sep, len(self._gone) + 1)
        if not raw.exists(mark if top < 0 else mark[:top]):
            return False
        while len(mark) > len(self._gone):
            if raw.exists(os.path.join(mark, _GONE)):
                return True
            mark = os.path.dirname(mark)
        return False

    def is_merged(self, place: str) -> bool:
        """Whether a listing of the directory at `place` may differ from that of the original."""
        return raw.exists(self.upper(place)) or raw.exists(_below(self._gone, place)) or self.is_hidden(place)

    def names(self, place: str) -> list[str]:
        """What a listing of the directory at `place` shows."""
        upper, marks = self.upper(place), _below(self._gone, place)
        found: dict[str, None] = {}
        if not self.is_hidden(place) and raw.is_directory(place):
            found.update(dict.fromkeys(raw.listdir(place)))
            for name in raw.listdir(marks) if raw.is_directory(marks) else ():
                if raw.exists(os.path.join(marks, name, _GONE)):
                    found.pop(name, None)
        if raw.is_own_directory(upper):
            found.update(dict.fromkeys(raw.listdir(upper)))
        return list(found)

    def take_tree(self, place: str) -> str:
        """As `taken`, with everything below `place`."""
        upper = self.taken(place, follow=False, contents=False)
        if raw.is_own_directory(upper):
            for name in self.names(place):
                self.take_tree(os.path.join(place, name))
        return upper

    def upper(self, place: str) -> str:
        return _below(self.files, place)

    def is_passed(self, place: str) -> bool:
        """Devices, the process table and scratch itself are not redirected."""
        in_scratch = place == self.scratch or place.startswith(self.scratch + os.sep)
        return in_scratch or _is_of_the_machine(place)

    def shown(self, place: str) -> str:
        """Where the content at `place` lies."""
        if self.is_passed(place):
            return place
        upper = self.upper(place)
        if not raw.exists(upper):
            return upper if self.is_hidden(place) else place
        return place if self.is_only_mirrored(place) else upper

    def is_only_mirrored(self, place: str) -> bool:
        """Whether a directory is in `files` only because of something below it: the original tells more
        about it.
        """
        if not raw.is_own_directory(self.upper(place)):
            return False
        return raw.is_own_directory(place) and not self.is_hidden(place)

    def _mirror(self, directory: str) -> None:
        """Make an existing directory in `files`, without what is in it."""
        if not raw.is_directory(self.upper(directory)):
            self._mirror(os.path.dirname(directory))
            with contextlib.suppress(FileExistsError):
                raw.mkdir(self.upper(directory), 0o700)

    @staticmethod
    def _refuse_machine(place: str) -> None:
        """A disk or a setting of the kernel is nobody's scratch copy."""
        if place.startswith("/dev/"):
            try:
                if stat.S_ISBLK(raw.stat(place).st_mode):
                    raise _failure(errno.EACCES, place)
            except FileNotFoundError:
                pass
        elif place.startswith("/proc/") and not place.startswith("/proc/self/") and not place[6:7].isdigit():
            raise _failure(errno.EROFS, place)


def _is_of_the_machine(path: str) -> bool:
    """A device or a process. Files that Python makes in shared memory by name are files like others."""
    return path.startswith("/proc/") or (path.startswith("/dev/") and not path.startswith(_SHARED_MEMORY))


def _failure(number: int, path: Any) -> OSError:
    return OSError(number, os.strerror(number), os.fsdecode(path))


def _below(tree: str, place: str) -> str:
    drive, rest = os.path.splitdrive(place)
    return tree + os.sep + drive.strip(":\\/").replace("\\", "_") + rest if drive else tree + rest
