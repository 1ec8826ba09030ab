"""Losses that are added up: terms without a gradient, sums that keep their graph, and sums that nobody differentiates.

The nodes of a graph are known by their sequence numbers, so that no graph is kept alive.
"""

from __future__ import annotations

import weakref
from typing import Any, Callable, Iterable

import torch

from ..observation import Place
from .claims import Claims
from .places import here

_ADDING = frozenset(
    ("add", "__add__", "__radd__", "add_", "__iadd__", "sub", "__sub__", "__rsub__", "sub_", "__isub__", "rsub"))  # fmt: skip
_SCALING = frozenset(("mul", "__mul__", "__rmul__", "mul_", "__imul__", "div", "__truediv__", "div_", "true_divide", "neg"))
_OF_NUMBERS = ("Add", "Sub", "Mul", "Div", "Neg", "Rsub", "Squeeze", "View", "Reshape", "ToCopy", "Select")
"""Nodes that put terms together; the first node that is none of them made a term."""

_STEPS = frozenset(
    ("argmax", "argmin", "argsort", "eq", "__eq__", "ne", "__ne__", "gt", "__gt__", "ge", "__ge__", "lt", "__lt__", "le",
    "__le__", "isclose", "long", "int", "bool", "byte", "count_nonzero", "bincount", "histc", "logical_and", "logical_or",
    ))  # fmt: skip
"""Operations that answer a choice or a count: no gradient can flow through them."""

_KEPT = 2_000
_LARGEST = 200_000
"""Numbers of differentiated nodes beyond which no more are remembered."""

_DEEP = 6


class Sums:
    """Additions of single numbers. `cuts_of` answers the cuts that a tensor carries, each as its operation and place."""

    def __init__(self, claims: Claims, cuts_of: Callable[[Any], Iterable[tuple[str, Place]]]) -> None:
        self._claims = claims
        self._cuts_of = cuts_of
        self._terms: dict[int, tuple[Any, frozenset[tuple[str, Place]]]] = {}
        self._sums: list[_Sum] = []
        self._covered: set[int] = set()

    def operation(self, name: str, inputs: list[Any], outputs: list[Any]) -> None:
        """An operation of the script on tensors."""
        if not outputs or not (name in _ADDING or name in _SCALING) or outputs[0].numel() != 1 or not torch.is_grad_enabled():
            return
        output = outputs[0]
        if self._terms:
            inherited = frozenset().union(*(self._terms_of(each) for each in inputs))
            if inherited and output.requires_grad:
                self._terms[id(output)] = (weakref.ref(output), inherited)
        if name in _ADDING:
            self._added(inputs, output)

    def differentiated(self, losses: list[Any], nodes: set[Any] | None) -> None:
        """A backward pass into `.grad` begins."""
        for loss in losses:
            for operation, place in self._terms_of(loss):
                self._claims.say("TRN209", True, f"added what `{operation}` makes to the loss, and it has no gradient", place)
        if nodes is not None and len(self._covered) < _LARGEST:
            self._covered |= {node._sequence_nr() for node in nodes if getattr(node, "variable", None) is None}

    def explain(self) -> None:
        """Say of each line that adds whether its sums are ever differentiated."""
        for each in self._sums:
            if each.place is None:
                continue
            if each.own is None or each.own in self._covered:
                text = _USED if each.own is not None else _NUMBER
                self._claims.say("TRN211", False, text, each.place)
                continue
            used = [term for term in each.terms if self._covered & set(term)]
            unused = [term for term in each.terms if not self._covered & set(term)]
            if used and unused:
                self._claims.say("TRN210", True, "never differentiated this sum, one of whose terms it did", each.place)
            elif used:
                self._claims.say("TRN211", True, "saw this sum keep the graph of a loss that was differentiated", each.place)

    def _added(self, inputs: list[Any], output: Any) -> None:
        flowing = [each for each in inputs if each.requires_grad and each is not output]
        for each in inputs if flowing else ():
            if not each.requires_grad and each.numel() == 1:
                steps = frozenset(cut for cut in self._cuts_of(each) if cut[0] in _STEPS)
                if steps:
                    known = self._terms_of(output)
                    self._terms[id(output)] = (weakref.ref(output), known | steps)
        if len(self._sums) < _KEPT:
            node = output.grad_fn
            terms = [_numbers(each.grad_fn) for each in flowing if each.grad_fn is not None]
            self._sums.append(_Sum(here(), node._sequence_nr() if node is not None else None, terms))

    def _terms_of(self, tensor: Any) -> frozenset[tuple[str, Place]]:
        entry = self._terms.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else frozenset()


_USED = "differentiated what is added up here"
_NUMBER = "added up numbers here, which hold no graph"


class _Sum:
    """`own` is the number of its node, `terms` those of the nodes that each of its terms is put together of."""

    def __init__(self, place: Place | None, own: int | None, terms: list[list[int]]) -> None:
        self.place = place
        self.own = own
        self.terms = terms


def _numbers(node: Any) -> list[int]:
    """The nodes that a term is put together of, down to the ones that made its parts."""
    found: list[int] = []
    pending = [(node, _DEEP)]
    while pending and len(found) < 32:
        each, deep = pending.pop()
        if getattr(each, "variable", None) is not None:
            continue
        found.append(each._sequence_nr())
        if deep and each.name().startswith(_OF_NUMBERS):
            pending += [(following, deep - 1) for following, _ in each.next_functions if following is not None]
    return found
