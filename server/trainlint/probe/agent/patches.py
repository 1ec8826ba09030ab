"""Functions replaced while the agent is attached, and put back afterwards."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Callable

Wrap = Callable[[Any], Any]


class Patches:
    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, wrap: Wrap) -> None:
        """Set `owner.name` to `wrap(original)`. An owner without that attribute of its own is left alone."""
        original = vars(owner).get(name)
        if original is None:
            return
        wrapper = wrap(original)
        setattr(owner, name, wrapper)
        self._undo.append((owner, name, original, wrapper))

    def undo(self) -> None:
        """Put the originals back, also where a module has imported one by name. What somebody else has wrapped
        meanwhile stays: taking it away would undo theirs.
        """
        originals = {}
        while self._undo:
            owner, name, original, wrapper = self._undo.pop()
            originals[id(wrapper)] = original
            if vars(owner).get(name) is wrapper:
                setattr(owner, name, original)
        for module in list(sys.modules.values()):
            if type(module) is ModuleType:
                names = vars(module)
                for name, value in list(names.items()):
                    if id(value) in originals:
                        names[name] = originals[id(value)]
