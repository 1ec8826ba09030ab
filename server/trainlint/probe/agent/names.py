"""The names that the user gave to models, optimizers and tensors.

Names are read from the running frames: they are gone once `__main__` is torn down or a function has returned.
`type(value)` decides what a value is: `isinstance` would wake lazy proxies.
"""

from __future__ import annotations

import sys
import weakref
from types import FrameType
from typing import Any, Iterable, Iterator

import torch

from .places import is_user, user_frames

_CONTAINER = 64
"""Longest list or dictionary whose elements are looked at."""

_UNTELLING = ("self", "cls", "_")
"""Variables whose name says nothing of what they hold."""


class Names:
    """Labels of live objects by identity; the first label that is found for an object stays.

    A variable that holds one model after another, as in a loop, names none of them.
    """

    def __init__(self) -> None:
        self._labels: dict[int, str] = {}
        self._alive: dict[int, Any] = {}
        self._holders: dict[str, Any] = {}
        self._rebound: set[str] = set()
        self.modules: dict[int, Any] = {}

    def look(self, frame: FrameType | None) -> None:
        """Read the variables that are in sight from `frame`: the script's, then those of functions, then
        attributes.
        """
        frames = list(user_frames(frame))
        main = vars(sys.modules["__main__"])
        scopes = [
            main,
            *(dict(each.f_locals) for each in reversed(frames) if each.f_globals is not each.f_locals),
        ]
        for scope in scopes:
            for name, value in list(scope.items()):
                if name not in _UNTELLING and not name.startswith("__"):
                    self._name(name, value)
        for scope in scopes:
            for name, value in list(scope.items()):
                if not name.startswith("__"):
                    for label, element in _elements(name, value):
                        self._name(label, element)
        for scope in reversed(scopes):
            if "self" in scope:
                self._attributes("self", scope["self"])
        for scope in scopes:
            for name, value in list(scope.items()):
                if name != "self" and name not in self._rebound and not name.startswith("__"):
                    self._attributes(name, value)

    def of(self, value: Any) -> str | None:
        reference = self._alive.get(id(value))
        return self._labels[id(value)] if reference is not None and reference() is value else None

    def named_modules(self) -> list[tuple[str, Any]]:
        """Every live module that has a name, with that name."""
        live = [(self._labels[key], reference()) for key, reference in self.modules.items()]
        return [(label, module) for label, module in live if module is not None]

    def _attributes(self, owner: str, value: Any) -> None:
        kind = type(value)
        if issubclass(kind, (torch.Tensor, torch.optim.Optimizer, type)) or not _plain_object(kind):
            return
        attributes = getattr(value, "__dict__", None)
        if type(attributes) is not dict:
            return
        for name, inner in list(attributes.items()):
            if name.startswith("_") and issubclass(kind, torch.nn.Module):
                continue
            self._name(f"{owner}.{name}", inner)
            for label, element in _elements(f"{owner}.{name}", inner):
                self._name(label, element)

    def _name(self, label: str, value: Any) -> None:
        kind = type(value)
        module = issubclass(kind, torch.nn.Module)
        if not (module or issubclass(kind, (torch.optim.Optimizer, torch.Tensor))):
            return
        if label in self._rebound:
            return
        if not issubclass(kind, torch.Tensor):
            holder = self._holder(label)
            if holder is not None and holder is not value:
                self._drop(holder)
                if not (module and _contains(value, holder)):
                    self._rebound.add(label)
                    return
        if self.of(value) is not None:
            return
        self._holders[label] = weakref.ref(value)
        key = id(value)
        self._labels[key] = label
        self._alive[key] = reference = weakref.ref(value)
        if module:
            self.modules[key] = reference
        else:
            self.modules.pop(key, None)

    def _holder(self, label: str) -> Any:
        reference = self._holders.get(label)
        value = reference() if reference is not None else None
        return value if value is not None and self.of(value) == label else None

    def _drop(self, value: Any) -> None:
        """Take the name from an object whose variable holds another one by now."""
        for table in (self._labels, self._alive, self.modules):
            table.pop(id(value), None)


def _elements(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    kind = type(value)
    pairs: Iterable[tuple[Any, Any]] = ()
    if kind in (list, tuple) and len(value) <= _CONTAINER:
        pairs = enumerate(list(value))
    elif kind is dict and len(value) <= _CONTAINER:
        pairs = list(value.items())
    for key, element in pairs:
        if type(key) in (str, int):
            yield f"{name}[{key!r}]".replace("'", '"'), element


def _plain_object(kind: type) -> bool:
    """Whether a class is the user's own: attributes of library objects are not names that the user wrote."""
    root = (kind.__module__ or "").split(".")[0]
    origin = getattr(sys.modules.get(kind.__module__ or ""), "__file__", None)
    if root == "__main__":
        return True
    if origin is None:
        return False
    return is_user(origin)


def _contains(outer: Any, inner: Any) -> bool:
    """Whether a module wraps another: `model = DataParallel(model)` names the wrapper."""
    return isinstance(inner, torch.nn.Module) and any(each is inner for each in outer.modules())
