"""Gradient scalers: where they are built, and in which type the losses are computed that they scale."""

from __future__ import annotations

import weakref
from typing import Any

from ..observation import Place
from .claims import Claims
from .modules import parameters
from .passes import autocast_type
from .places import here

_NEEDS_NONE = "bfloat16"
"""Has the exponents of float32: nothing in it underflows that would not in float32."""


class Scaling:
    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._built: dict[int, tuple[Any, Place | None]] = {}
        self._type = ""

    def built(self, scaler: Any) -> None:
        self._built[id(scaler)] = (weakref.ref(scaler), here())

    def forward(self, module: Any) -> None:
        """A model is called by the script itself, with gradients on."""
        weight = next(parameters(module), None)
        self._type = autocast_type(weight.device.type) if weight is not None else ""

    def scaled(self, scaler: Any) -> None:
        """An enabled scaler has scaled a loss."""
        reference, place = self._built.get(id(scaler), (None, None))
        if reference is None or reference() is not scaler or not self._type:
            return
        text = f"scaled a loss that was computed in {self._type}"
        self._claims.say("TRN806", self._type == _NEEDS_NONE, text, place)
