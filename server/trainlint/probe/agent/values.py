"""What becomes of single tensors: detached copies that are dropped, weights filled with one constant, freezing undone."""

from __future__ import annotations

import sys
import weakref
from typing import Any, Callable

from ..observation import Place
from .claims import Claims
from .ledger import Ledger
from .places import here, place_of, user_frames
from .tensors import local, measurable

_KEPT = 4_096
_FILLING = ("fill_", "zero_")


class Values:
    def __init__(self, ledger: Ledger, claims: Claims) -> None:
        self._ledger = ledger
        self._claims = claims
        self._detached: tuple[Any, Place | None] | None = None
        self._filled: dict[int, tuple[tuple[int, ...], list[Place]]] = {}
        self._frozen: dict[int, tuple[Any, int]] = {}
        self.moment: Callable[[], int] = lambda: 0

    def operation(self, name: str, args: Any, inputs: list[Any], outputs: list[Any]) -> None:
        """An operation of the script on tensors."""
        if self._detached is not None:
            self._dropped(inputs)
        if name == "detach" and outputs:
            self._detached = (weakref.ref(outputs[0]), here())
        elif name in _FILLING and args and len(self._filled) < _KEPT:
            self._fill(args[0])

    def switched(self, tensor: Any) -> None:
        """`requires_grad` of a leaf was set."""
        known = self._frozen.pop(id(tensor), None)
        if not tensor.requires_grad:
            self._frozen[id(tensor)] = (weakref.ref(tensor), self.moment())
        elif known is not None and known[0]() is tensor:
            used = known[1] != self.moment()
            text = "ran a model between freezing and this" if used else "saw nothing computed between freezing and this"
            self._claims.say("TRN308", not used, text, here())

    def explain(self) -> None:
        """Say of each constant filling whether the units of the weight are alike after training."""
        for subject, tensor in self._ledger.live():
            if tensor.dim() < 2 or not measurable(tensor) or not subject.seen.steps or len(tensor) < 2:
                continue
            shape, places = self._filled.get(local(tensor).data_ptr(), ((), []))
            if shape == tuple(tensor.shape):
                value = local(tensor)
                alike = bool(((value - value[:1]).abs() <= 1e-6 * value.abs().max()).all())
                text = "found all units of this layer alike" if alike else "found units of this layer that differ"
                text = f"{text} after its steps"
                self._claims.say("TRN003", alike, text, *places)

    def _dropped(self, inputs: list[Any]) -> None:
        reference, place = self._detached or (None, None)
        self._detached = None
        value = reference() if reference is not None else None
        kept = value is not None or any(each is value for each in inputs)
        text = "used what is detached here" if kept else "saw the detached tensor dropped at once"
        self._claims.say("TRN208", not kept, text, place)

    def _fill(self, tensor: Any) -> None:
        value = tensor.detach()
        if value.dim() > 1 and value.is_floating_point() and value.device.type != "meta":
            frames = [place_of(frame) for frame in user_frames(sys._getframe())]
            self._filled[value.data_ptr()] = (tuple(value.shape), frames[:4])
