"""Which operation turned a gradient into exactly zero, or into NaN, on its way back from the loss.

Each node of the first graphs gets a hook that compares what comes in with what goes out. A node is known by its
sequence number, and so is the operation of the script that made it: of the numbers that operations ended with, the
next one.
"""

from __future__ import annotations

import bisect
from typing import Any, Callable

import torch

from ..observation import Place, VanishingSeen
from .graph import walk
from .ledger import Ledger
from .places import here
from .tensors import has_values

_PASSES = 4
"""Backward passes that are looked into: those of the steps that decide."""

_LARGEST = 4_000
"""Nodes of a graph beyond which it is left alone."""

_KEPT = 200_000
"""Operations that are remembered with their places."""

_EDGES = 32
"""Places of one kind and pass that are followed back to parameters; what lies behind the first ones lies behind most."""


class Chain:
    def __init__(self, ledger: Ledger) -> None:
        self.vanishings: list[VanishingSeen] = []
        self._ledger = ledger
        self._behind: list[set[int]] = []
        self._numbers: list[int] = []
        self._made: list[tuple[str, Place | None]] = []
        self._passes = 0
        self._handles: list[Any] = []
        self._edges: list[tuple[Any, int, bool]] = []
        self._index: dict[tuple[str, str, int, bool], int] = {}

    @property
    def enough(self) -> bool:
        return self._passes >= _PASSES

    def made(self, name: str, outputs: list[Any]) -> None:
        """An operation of the script has put out tensors."""
        for output in outputs:
            node = output.grad_fn
            if node is not None:
                number = node._sequence_nr()
                if len(self._numbers) < _KEPT and (not self._numbers or number > self._numbers[-1]):
                    self._numbers.append(number)
                    self._made.append((name, here()))
                return

    def begin(self, nodes: set[Any], flowed: Callable[[Any, Any, Any], None]) -> None:
        """Hook the nodes of a graph; `flowed` is called with a node, what goes out of it and what came in."""
        if self.enough or len(nodes) > _LARGEST:
            return
        self._passes += 1
        for node in nodes:
            if getattr(node, "variable", None) is None:
                self._handles.append(node.register_hook(_call(flowed, node)))

    def flowed(self, node: Any, going: Any, coming: Any) -> None:
        """A gradient passes a node, towards the leaves."""
        if not any(_some(each) for each in coming):
            return
        finite = all(_finite(each) for each in coming)
        for position, each in enumerate(going):
            if len(self._edges) >= _EDGES or not has_values(each):
                continue
            if finite and not _finite(each):
                self._edges.append((node, position, True))
            elif each.numel() and not _some(each):
                self._edges.append((node, position, False))

    def end(self) -> None:
        """The pass is over: find the leaves behind what vanished, and let go of its graph."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        edges, self._edges = self._edges, []
        for node, position, broken in edges:
            following = node.next_functions[position][0] if position < len(node.next_functions) else None
            if following is None:
                continue
            behind = {id(leaf) for leaf in _leaves(following)}
            if behind:
                self._behind[self._number(node, broken)] |= behind

    def explain(self) -> None:
        """Give every parameter whose gradients were all zero the operation that made them so, and drop the rest. A NaN
        is kept where it was born."""
        kept: dict[int, int] = {}
        order = sorted(range(len(self.vanishings)), key=lambda index: len(self._behind[index]))
        for subject, tensor in self._ledger.live():
            rows = subject.seen.steps
            zero = bool(rows) and all(each.gradient == "zero" for each in rows)
            broken = bool(rows) and any(each.gradient == "non-finite" for each in rows)
            if not (zero or broken):
                continue
            for index in order if zero else range(len(self.vanishings)):
                if self.vanishings[index].broken == broken and id(tensor) in self._behind[index]:
                    subject.seen.vanished = kept.setdefault(index, len(kept))
                    break
        self.vanishings = [self.vanishings[index] for index in kept]

    def place_of(self, node: Any) -> Place | None:
        """Where the script made a node of a graph."""
        return self._made_by(node)[1]

    def _made_by(self, node: Any) -> tuple[str, Place | None]:
        at = bisect.bisect_left(self._numbers, node._sequence_nr())
        return self._made[at] if at < len(self._made) else (node.name().replace("Backward0", "").lower(), None)

    def _number(self, node: Any, broken: bool) -> int:
        name, place = self._made_by(node)
        key = (name, place.path if place else "", place.line if place else 0, broken)
        if key not in self._index:
            self._index[key] = len(self.vanishings)
            self.vanishings.append(VanishingSeen(place, name, broken))
            self._behind.append(set())
        return self._index[key]


def _call(flowed: Callable[[Any, Any, Any], None], node: Any) -> Callable[[Any, Any], None]:
    def hook(going: Any, coming: Any) -> None:
        flowed(node, going, coming)

    return hook


def _leaves(node: Any) -> list[Any]:
    """The leaves behind a node, itself one perhaps."""
    variable = getattr(node, "variable", None)
    if variable is not None:
        return [variable]
    walked = walk([_From(node)], _LARGEST)
    return walked[1] if walked is not None else []


class _From:
    """Stands for a tensor that a node has made."""

    def __init__(self, node: Any) -> None:
        self.grad_fn = node


def _some(value: Any) -> bool:
    return has_values(value) and bool(value.detach().any())


def _finite(value: Any) -> bool:
    return not has_values(value) or bool(torch.isfinite(value.detach()).all())
