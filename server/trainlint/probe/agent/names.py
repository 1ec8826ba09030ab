"""The names that the user gave to models, optimizers and tensors.

Names are read from the running frames: they are gone once `__main__` is torn down or a function has returned.
`type(value)` decides what a value is: `isinstance` would wake lazy proxies.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from types import FrameType
from typing import Any, Iterable, Iterator

import torch

from .modules import modules as modules_of
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
        self._labels: dict[int, tuple[str, Any]] = {}
        self._alive: dict[int, Any] = {}
        self._taken: dict[str, Any] = {}
        self._holders: dict[tuple[Any, str], Any] = {}
        self._rebound: set[tuple[Any, str]] = set()
        self.modules: dict[int, Any] = {}

    def look(self, frame: FrameType | None) -> None:
        """Read the variables that are in sight from `frame`.

        The script's own come first, then those of functions, outermost first, then attributes and elements. What a
        model keeps, as an optimizer of its own, is called after the model.
        """
        frames = [each for each in user_frames(frame) if each.f_globals is not each.f_locals]
        scopes: list[tuple[Any, dict[str, Any]]] = [("main", vars(sys.modules["__main__"]))]
        scopes += [(each.f_code, _variables(each)) for each in reversed(frames)]
        visible = [
            (scope, name, value)
            for scope, variables in scopes
            for name, value in list(variables.items())
            if name not in _UNTELLING and not name.startswith("__")
        ]
        for scope, name, value in visible:
            self._name(scope, name, value)
        for scope, name, value in visible:
            self._name_elements(scope, name, value)
        for scope, variables in reversed(scopes):
            if "self" in variables:
                self._name_attributes(scope, "self", variables["self"])
        for label, module in self.named_modules():
            self._name_attributes("module", label, module)
        for scope, name, value in visible:
            if (scope, name) not in self._rebound:
                self._name_attributes(scope, name, value)

    def of(self, value: Any) -> str | None:
        reference = self._alive.get(id(value))
        return self._labels[id(value)][0] if reference is not None and reference() is value else None

    def named_modules(self) -> list[tuple[str, Any]]:
        """Every live module that has a name, with that name."""
        live = [(self._labels[key][0], reference()) for key, reference in self.modules.items()]
        return [(label, module) for label, module in live if module is not None]

    def _name_elements(self, scope: Any, name: str, value: Any) -> None:
        for label, element in _elements(name, value):
            self._name(scope, label, element)

    def _name_attributes(self, scope: Any, owner: str, value: Any) -> None:
        kind = type(value)
        if issubclass(kind, (torch.Tensor, type)) or not _plain_object(kind):
            return
        attributes = getattr(value, "__dict__", None)
        if type(attributes) is not dict:
            return
        for name, inner in list(attributes.items()):
            if name.startswith("_") and issubclass(kind, torch.nn.Module):
                continue
            self._name(scope, f"{owner}.{name}", inner)
            self._name_elements(scope, f"{owner}.{name}", inner)

    def _name(self, scope: Any, label: str, value: Any) -> None:
        kind = type(value)
        module = issubclass(kind, torch.nn.Module)
        if not (module or issubclass(kind, (torch.optim.Optimizer, torch.Tensor))):
            return
        if not issubclass(kind, torch.Tensor) and self._is_rebound(scope, label, value):
            return
        taken = self._taken.get(label)
        holder = taken() if taken is not None and not issubclass(kind, torch.Tensor) else None
        if self.of(value) is not None or (holder is not None and self.of(holder) == label):
            return
        key = id(value)
        self._labels[key] = (label, scope)
        self._alive[key] = self._taken[label] = reference = weakref.ref(value)
        if module:
            self.modules[key] = reference
        else:
            self.modules.pop(key, None)

    def _is_rebound(self, scope: Any, label: str, value: Any) -> bool:
        """Whether a variable holds one object after another. What it gave its name to loses that again."""
        variable = (scope, label)
        reference = self._holders.get(variable)
        before = reference() if reference is not None else None
        self._holders[variable] = weakref.ref(value)
        if before is not None and before is not value:
            if self._labels.get(id(before)) == (label, scope):
                for table in (self._labels, self._alive, self.modules):
                    table.pop(id(before), None)
            if not _contains(value, before):
                self._rebound.add(variable)
        return variable in self._rebound


def _variables(frame: FrameType) -> dict[str, Any]:
    """The local variables of a running function.

    Up to Python 3.12 a frame keeps what it was asked for until it ends: batches and outputs are dropped from there,
    or the last ones would stay in memory as long as the training loop runs.
    """
    kept = frame.f_locals
    variables = dict(kept)
    if type(kept) is dict and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        for name, value in variables.items():
            if isinstance(value, torch.Tensor) and not (value.is_leaf and value.requires_grad):
                del kept[name]
    return variables


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
    modules = isinstance(outer, torch.nn.Module) and isinstance(inner, torch.nn.Module)
    return modules and any(each is inner for each in modules_of(outer))
