"""What a script builds again and again, hands out in order, or wraps: by the places where it does."""

from __future__ import annotations

import weakref
from typing import Any

import torch

from ..observation import Place
from .claims import Claims
from .ledger import Ledger
from .places import here

_WRAPPERS = ("DistributedDataParallel", "DataParallel", "FullyShardedDataParallel")


class Loops:
    def __init__(self, ledger: Ledger, claims: Claims) -> None:
        self._ledger = ledger
        self._claims = claims
        self._in_forward: dict[tuple[str, int], int] = {}
        self._wrappers: list[Any] = []
        self._loaders: dict[int, tuple[Any, Place | None]] = {}

    def module_built(self, module: Any, running: int) -> None:
        """A module is being constructed, inside of `running` forward passes."""
        if type(module).__name__ in _WRAPPERS:
            self._wrappers.append(weakref.ref(module))
        place = self._ledger.origins.built_at(module)
        if running and place is not None and torch.is_grad_enabled():
            key = (place.path, place.line)
            self._in_forward[key] = self._in_forward.get(key, 0) + 1
            if self._in_forward[key] > 1:
                self._claims.say("TRN314", True, f"saw {type(module).__name__} built again in each forward pass", place)

    def model_called(self, module: Any) -> None:
        """A model is called by the script itself, with gradients on."""
        for reference in self._wrappers:
            wrapper = reference()
            if wrapper is None:
                continue
            if wrapper is module:
                self._claims.say("TRN901", False, "called the wrapped model here", here())
            elif getattr(wrapper, "module", None) is module:
                name = type(wrapper).__name__
                self._claims.say("TRN901", True, f"called the model inside of its `{name}`, past the wrapper", here())

    def loader_built(self, loader: Any) -> None:
        self._loaders[id(loader)] = (weakref.ref(loader), here())

    def loader_starts(self, loader: Any) -> None:
        """An epoch of a loader begins."""
        reference, place = self._loaders.get(id(loader), (None, None))
        if reference is None or reference() is not loader or not torch.is_grad_enabled():
            return
        kind = type(loader.sampler).__name__
        if kind == "SequentialSampler" and loader.batch_size is not None:
            self._claims.say("TRN001", True, "took the samples in the order in which the data set holds them", place)
        else:
            self._claims.say("TRN001", False, f"took the samples as a `{kind}` chose them", place)

    def explain(self) -> None:
        """Say where models are made anew: weights that a step changed are gone, and others of the same place and shape
        have been stepped."""
        gone: dict[tuple[str, int, str], list[Any]] = {}
        for subject in self._ledger.order:
            if subject.seen.steps and subject.seen.built:
                for place in subject.seen.built:
                    gone.setdefault((place.path, place.line, f"{subject.seen.shape}"), []).append(subject)
        for subjects in gone.values():
            if len(subjects) > 1 and any(each.tensor is None for each in subjects):
                self._claims.say("TRN318", True, "made these weights anew after a step had changed them", *subjects[0].seen.built)
        for subject, _ in self._ledger.live():
            if subject.seen.overwritten and subject.seen.moved_outside:
                self._claims.say("TRN318", True, "overwrote here what a step had changed", *subject.seen.overwritten)
