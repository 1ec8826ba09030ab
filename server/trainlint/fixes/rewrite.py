"""Writing a fixed text back over its file, or showing what would be written."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress

from ..source.encoding import Encoding


class NotWrittenError(Exception):
    """The file is as it was; the message says why, for the user."""


def encode(text: str, encoding: Encoding, data: bytes, original: str) -> bytes:
    """The bytes to store for `text`, every byte of `data` outside the edits kept.

    Raises `NotWrittenError` where the encoding cannot promise that.
    """
    try:
        if encoding.encode(original) == data:
            return encoding.encode(text)
    except UnicodeError:
        raise NotWrittenError(f"the fix cannot be written in {encoding.name}") from None
    raise NotWrittenError(f"{encoding.name} does not give back the bytes it was read from")


def rewrite(path: str, old: bytes, new: bytes) -> None:
    """Replace the contents of `path` in one step: nobody sees half a file, and a crash leaves the old one.

    A link is followed; mode and, where possible, owner are kept.
    Raises `NotWrittenError` when the file no longer holds `old` or cannot be replaced.
    """
    target = os.path.realpath(path)
    try:
        with open(target, "rb+") as file:
            if file.read() != old:
                raise NotWrittenError("it changed while it was being checked")
            status = os.fstat(file.fileno())
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".trainlint-", suffix=".tmp")
        try:
            with open(handle, "wb") as file:
                file.write(new)
                file.flush()
                os.fsync(file.fileno())
            with suppress(OSError, AttributeError):
                os.chown(temporary, status.st_uid, status.st_gid)
            os.chmod(temporary, status.st_mode & 0o7777)
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise NotWrittenError((error.strerror or str(error)).lower()) from None


def unified_diff(path: str, old: bytes, new: bytes) -> bytes:
    """What `rewrite` would change, as patch and git read it; nothing where nothing changes."""
    from difflib import diff_bytes, unified_diff

    name = os.fsencode(path)
    if os.sep != "/":
        name = name.replace(os.fsencode(os.sep), b"/")
    lines = []
    for line in diff_bytes(unified_diff, _lines(old), _lines(new), name, name):
        lines.append(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n")
    return b"".join(lines)


def _lines(data: bytes) -> list[bytes]:
    """Lines as patch counts them: a carriage return belongs to its line."""
    lines = data.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])
