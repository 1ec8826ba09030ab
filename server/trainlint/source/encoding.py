"""The bytes of a Python file as text and back: its byte order mark and its encoding cookie (PEP 263)."""

from __future__ import annotations

import codecs
import io
import tokenize
from dataclasses import dataclass


class UndecodableError(Exception):
    """The bytes are no Python text; the message says why, for the user."""


@dataclass(frozen=True)
class Encoding:
    """How a text is stored. `mark` is the byte order mark that comes before it, or nothing."""

    name: str
    mark: bytes = b""

    def encode(self, text: str) -> bytes:
        """The bytes of a file that holds `text`. Raises `UnicodeError` where a character is not in it."""
        return self.mark + text.encode(self.name)


def decode(data: bytes) -> tuple[str, Encoding]:
    """The text that Python would read from `data`, line ends kept, and how it is stored.

    Raises `UndecodableError` for an unknown or wrong encoding and for null bytes, which Python refuses.
    """
    marked = data.startswith(codecs.BOM_UTF8)
    try:
        name, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        _, declared, unknown = str(error).partition("unknown encoding: ")
        if declared:
            raise UndecodableError(f'its encoding "{unknown}" is unknown') from None
        if marked:
            raise UndecodableError("its byte order mark says UTF-8 and its first lines say otherwise") from None
        name = "utf-8"
    encoding = Encoding("utf-8", codecs.BOM_UTF8) if marked else Encoding(name)
    try:
        text = data[len(encoding.mark) :].decode(encoding.name)
    except UnicodeDecodeError as error:
        raise UndecodableError(_undecodable(data, name, error.object[: error.start].count(b"\n") + 1)) from None
    except (UnicodeError, LookupError, ValueError):
        raise UndecodableError(f'its encoding "{name}" is none of text') from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UndecodableError(f"line {line} holds a null byte, which Python refuses")
    return text, encoding


def _undecodable(data: bytes, name: str, line: int) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it is stored as UTF-16, which Python refuses: store it as UTF-8"
    return f"line {line} is not {name}: store it as UTF-8, or name its encoding in the first line"
