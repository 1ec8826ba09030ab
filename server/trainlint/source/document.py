"""A document: one text to analyse, whether it lies on disk, in an editor or on standard input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .text import SourceText

MAX_BYTES = 1_000_000
MAX_LINES = 20_000
"""Larger files are data or generated code; nobody types them, and analysing one takes seconds."""


@dataclass(frozen=True)
class Document:
    """`path` is what findings show: a file's path as the user gave it, or a name such as ``<stdin>``."""

    path: str
    text: str
    version: int | None = None

    @cached_property
    def source(self) -> SourceText:
        return SourceText(self.text)
