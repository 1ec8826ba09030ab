"""What single backward passes do: what they keep, through what they flow twice, and who asked for them."""

from __future__ import annotations

import sys
from typing import Any

import torch

from ..observation import Place
from .claims import Claims
from .places import here

_LARGEST = 20_000
"""Nodes of a graph whose numbers are remembered."""

_IN_CHARGE = (("accelerate", "accelerate.state", "AcceleratorState"),)
"""Libraries that differentiate in the script's place: their package, and the class that knows whether they are in use."""


class Passes:
    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._before: dict[tuple[str, int], frozenset[int]] = {}

    def begins(self, nodes: set[Any] | None, keeps: bool, device: str) -> None:
        """A backward pass into `.grad`; `keeps`: it was told to keep the graph. `device` is the loss's."""
        place = here()
        if place is None:
            return
        if _autocast(device):
            self._claims.say("TRN805", True, "differentiated the loss here while autocast was on", place)
        name = _bypassed()
        if name:
            self._claims.say("TRN903", True, f"differentiated the loss here past `{name}`, which is in charge of it", place)
        if nodes is None:
            return
        self._kept(place, nodes, keeps)
        twice = _flows_twice(nodes)
        text = "saw the gradient of this loss arrive twice at one weight" if twice else "saw each weight used once by this loss"
        self._claims.say("TRN214", twice, text, place)

    def _kept(self, place: Place, nodes: set[Any], keeps: bool) -> None:
        """Whether a pass goes through the graph of the pass before, which was told to keep it."""
        if not keeps or len(nodes) > _LARGEST:
            return
        numbers = frozenset(node._sequence_nr() for node in nodes if getattr(node, "variable", None) is None)
        before = self._before.get((place.path, place.line))
        if before is not None:
            again = bool(before & numbers)
            text = "differentiated the graph of the turn before again" if again else "never differentiated a kept graph again"
            self._claims.say("TRN213", again, text, place)
        self._before[(place.path, place.line)] = numbers


def _flows_twice(nodes: set[Any]) -> bool:
    seen: set[Any] = set()
    for node in nodes:
        for following, _ in node.next_functions:
            if following is not None and getattr(following, "variable", None) is not None:
                if following in seen:
                    return True
                seen.add(following)
    return False


def _autocast(device: str) -> bool:
    """Whether autocast is on; a device that has none raises, and before torch 2.4 each has a question of its own."""
    try:
        return bool(torch.is_autocast_enabled(device))
    except RuntimeError:
        return False
    except TypeError:
        return bool(torch.is_autocast_cpu_enabled() if device == "cpu" else torch.is_autocast_enabled())


def autocast_type(device: str) -> str:
    """The type that autocast computes in on a device now, "" where it is off."""
    if not _autocast(device):
        return ""
    if hasattr(torch, "get_autocast_dtype"):
        return str(torch.get_autocast_dtype(device)).replace("torch.", "")
    return str(torch.get_autocast_cpu_dtype() if device == "cpu" else torch.get_autocast_gpu_dtype()).replace("torch.", "")


def _bypassed() -> str:
    """The library that is in charge of training and did not ask for the pass that runs now; "" where there is none."""
    for package, module, name in _IN_CHARGE:
        state = getattr(sys.modules.get(module), name, None)
        if not getattr(state, "_shared_state", None):
            continue
        frame: Any = sys._getframe()
        while frame is not None:
            if str(frame.f_globals.get("__name__", "")).partition(".")[0] == package:
                return ""
            frame = frame.f_back
        return package
    return ""
