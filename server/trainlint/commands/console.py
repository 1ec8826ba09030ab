"""Standard output and error, always UTF-8, and the errors that end a command."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from ..output.colour import Palette, wants_colour

CLEAN = 0
FOUND = 1
FAILED = 2
"""Exit statuses. FAILED is bad usage or a failure of trainlint itself."""


class UsageError(Exception):
    """One sentence about what the user asked that cannot be done."""


class Console:
    """Where a command writes: results to `out`, everything about them to `err`."""

    def __init__(self) -> None:
        self.out = _utf8(sys.stdout)
        self.err = _utf8(sys.stderr)

    @property
    def palette(self) -> Palette:
        """Colours for `out`."""
        return Palette(wants_colour(self.out.isatty(), os.environ))

    def write_bytes(self, data: bytes) -> None:
        """Write `data` to `out` as it is, after all that was written before."""
        self.out.flush()
        self.out.buffer.write(data)

    def note(self, sentence: str) -> None:
        """Tell the user `sentence` about what was done, or why it was not."""
        self.err.write(f"trainlint: {sentence}\n")

    def close(self) -> None:
        """Flush; what nobody reads any more is dropped here, or it would fail once more at exit."""
        try:
            self.out.flush()
        except OSError:
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), self.out.fileno())


def standard_input() -> bytes:
    """All of standard input; nothing where it is closed."""
    return sys.stdin.buffer.read() if sys.stdin else b""


def _utf8(stream: TextIO | None) -> TextIO:
    """The stream in UTF-8 whatever the locale says; what is no text (a file's odd name) is escaped."""
    if stream is None:
        stream = open(os.devnull, "w")  # noqa: SIM115
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    return stream
