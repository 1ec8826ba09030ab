"""Leaves in scratch what the supervisor needs to know: which Python processes there were, what they named
in /dev/shm.
"""

from __future__ import annotations

import functools
import os
from typing import Any

from .imports import after_import
from .raw import raw


def install(scratch: str) -> None:
    def enrol() -> None:
        with raw.io_open(os.path.join(scratch, "processes", str(os.getpid())), "wb"):
            pass

    def note_segments(module: Any) -> None:
        open_segment = module.shm_open

        @functools.wraps(open_segment)
        def shm_open(path: str, *arguments: Any, **keywords: Any) -> int:
            with raw.io_open(os.path.join(scratch, "shared-memory"), "a") as names:
                names.write(path + "\n")
            return int(open_segment(path, *arguments, **keywords))

        module.shm_open = shm_open

    enrol()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=enrol)
    after_import("_posixshmem", note_segments)
