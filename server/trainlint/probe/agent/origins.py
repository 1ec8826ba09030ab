"""Where the script made its modules, switched their mode, and set what nothing looks at."""

from __future__ import annotations

import sys
import weakref
from types import FrameType
from typing import Any

from ..observation import Place, SwitchSeen
from .modules import modules, named_modules
from .places import here, place_of, user_frames

_SWITCHES = (
    "requires_grad", "require_grad", "requires_grads", "require_grads", "required_grad", "requires_gradient",
    "require_gradient", "requires_gradients", "require_gradients", "requiresgrad", "requires_grad_",
)  # fmt: skip
"""What people write for `requires_grad`."""


class Origins:
    def __init__(self) -> None:
        self._built: dict[int, tuple[Any, Place | None]] = {}
        self._switched: dict[int, tuple[Any, Place | None]] = {}

    def built(self, module: Any) -> None:
        """A module is being constructed: the call that does it is the first one outside of its own methods."""
        self._built[id(module)] = (weakref.ref(module), _outside(sys._getframe(1), module))

    def built_at(self, module: Any) -> Place | None:
        return _known(self._built, module)

    def switched(self, module: Any) -> None:
        self._switched[id(module)] = (weakref.ref(module), here())

    def switched_at(self, module: Any) -> Place | None:
        """Where the mode of a module, or of one in it, was set last."""
        own = _known(self._switched, module)
        if own is not None:
            return own
        inner = (_known(self._switched, each) for each in modules(module))
        return next((place for place in inner if place is not None), None)


def switches(modules: list[tuple[Any, str]], tensors: list[tuple[Any, str]]) -> list[SwitchSeen]:
    """Attributes that were meant to freeze or to unfreeze, and do neither."""
    found = []
    for module, label in modules:
        for path, inner in named_modules(module):
            name = f"{label}.{path}" if path else label
            found += [SwitchSeen(key, value, name, None, True) for key, value in _set(vars(inner))]
    for tensor, label in tensors:
        found += [SwitchSeen(key, value, label, None, False) for key, value in _set(getattr(tensor, "__dict__", {}))]
    return found


def _set(attributes: Any) -> list[tuple[str, bool]]:
    return [(name, attributes[name]) for name in _SWITCHES if type(attributes.get(name)) is bool]


def _known(table: dict[int, tuple[Any, Place | None]], module: Any) -> Place | None:
    entry = table.get(id(module))
    return entry[1] if entry is not None and entry[0]() is module else None


def _outside(frame: FrameType | None, module: Any) -> Place | None:
    for each in user_frames(frame):
        code = each.f_code
        first = code.co_varnames[0] if code.co_argcount else ""
        if not first or each.f_locals.get(first) is not module:
            return place_of(each)
    return None
