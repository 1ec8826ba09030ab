"""Runs a function on a module right after it was imported, whoever imports it and whenever."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Patch = Callable[[Any], None]


class _Finder:
    def __init__(self) -> None:
        self.patches: dict[str, list[Patch]] = {}
        self._busy: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self.patches or name in self._busy:
            return None
        self._busy.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._busy.discard(name)
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return None
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            for patch in self.patches[name]:
                patch(module)

        if isinstance(spec.loader, type):
            # The loader of built-in modules is a class, the same one for all of them.
            spec.loader = _Loader(spec.loader, exec_module)  # type: ignore[assignment]
        else:
            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


class _Loader:
    def __init__(self, original: Any, exec_module: Callable[[Any], None]) -> None:
        self.create_module = original.create_module
        self.exec_module = exec_module


_finder = _Finder()


def after_import(name: str, patch: Patch) -> None:
    if name in sys.modules:
        patch(sys.modules[name])
        return
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    _finder.patches.setdefault(name, []).append(patch)
