"""What an open descriptor is on."""

from __future__ import annotations

import os
import sys

from .raw import raw


def path_of_descriptor(descriptor: int) -> str:
    """Empty for what has no path: a pipe, a socket, an unlinked file."""
    try:
        if sys.platform == "darwin":
            import fcntl

            return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
        path = os.fsdecode(raw.readlink(f"/proc/self/fd/{descriptor}"))
    except (OSError, ValueError, ImportError):
        return ""
    return path if path.startswith("/") and not path.endswith(" (deleted)") else ""
