"""The other texts a document may refer to, unsaved buffers before files, with a record of what was asked."""

from __future__ import annotations

from collections.abc import Mapping

from .document import Document


class Workspace:
    """Answers documents by path and remembers which paths were asked for.

    The record tells caches and editors what a result depends on.
    """

    def __init__(self, buffers: Mapping[str, Document] | None = None) -> None:
        self._buffers = dict(buffers or {})
        self.asked: set[str] = set()

    def document(self, path: str) -> Document | None:
        self.asked.add(path)
        return self._buffers.get(path)
