"""The few colours of the terminal output."""

from __future__ import annotations

from collections.abc import Mapping

_CODES = {
    "error": "1;31",
    "warning": "1;33",
    "info": "1;36",
    "off": "1;36",
    "path": "1",
    "gutter": "34",
    "related": "34",
    "help": "1;32",
    "added": "32",
    "removed": "31",
}


class Palette:
    """Paints text, or leaves it plain."""

    def __init__(self, coloured: bool = False) -> None:
        self.coloured = coloured

    def paint(self, text: str, style: str) -> str:
        if not self.coloured or not text:
            return text
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m"

    def paint_diff(self, diff: bytes) -> bytes:
        """A unified diff with its added and removed lines painted; as it is where colours are off."""
        if not self.coloured:
            return diff
        return b"".join(self._paint_line(line) for line in diff.splitlines(keepends=True))

    def _paint_line(self, line: bytes) -> bytes:
        style = {b"+": "added", b"-": "removed"}.get(line[:1])
        if style is None:
            return line
        text = line.rstrip(b"\r\n")
        return b"\x1b[" + _CODES[style].encode() + b"m" + text + b"\x1b[0m" + line[len(text) :]


def wants_colour(terminal: bool, environment: Mapping[str, str]) -> bool:
    """Whether to colour what goes to a stream: a terminal is, unless ``NO_COLOR`` or its type says no."""
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return terminal and environment.get("TERM") != "dumb"
