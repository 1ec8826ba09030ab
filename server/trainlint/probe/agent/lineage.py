"""Where values leave the autograd graph, and which of them go on into a loss.

A `TorchFunctionMode` sees every operation. A value that depends on parameters and comes out without a graph
is a cut; what is computed from it carries the cut along, until a loss does. Inside
`autograd.Function.forward` and reentrant checkpointing gradients are off by design, so nothing is noted
there. What a scripted or compiled module does is not seen, so nothing is said of its parameters.
"""

from __future__ import annotations

import sys
import weakref
from types import FrameType
from typing import Any, Callable, Iterator

import torch
from torch.overrides import TorchFunctionMode

from ..observation import CutSeen, Place
from .graph import leaves
from .ledger import Ledger
from .modules import parameters
from .places import here, place_of, user_frames

_FRAMES = 4
"""Callers of a line that writes into a weight which are told."""

_WALK = 20_000
_WALKS = 3
"""How often the graph behind one cut is walked: the same line mostly cuts the same parameters."""

_GRADIENT_OF = torch.Tensor.grad.__get__
_DATA_OF = torch.Tensor.data.__get__
_REQUIRES = torch.Tensor.requires_grad.__set__
_SCALARS = ("item", "tolist", "__float__", "__int__")
_LEAVING = (*_SCALARS, "numpy", "__array__", "__bool__", "__index__")
"""Operations that hand values out of torch; others that return no tensor answer shapes and kinds."""
_NO_USE = frozenset(
    ("__deepcopy__", "__reduce_ex__", "__setstate__", "__set__", "__repr__", "requires_grad_",
    "register_hook", "retain_grad", "backward", "share_memory_", "is_shared",
    "register_post_accumulate_grad_hook") )  # fmt: skip
_NO_WRITE = frozenset(("requires_grad_", "detach_", "share_memory_", "rename_"))


class Lineage(TorchFunctionMode):  # type: ignore[misc]
    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.cuts: list[CutSeen] = []
        self.paused = 0
        self.quiet: Callable[[], bool] = lambda: False
        self.on_loss_function: Callable[[str, Any, Any, Any], None] = _ignore
        self.on_operation: Callable[[str, Any, list[Any], list[Any]], None] = _ignore
        self.on_switch: Callable[[Any], None] = _ignore
        self.on_failure: Callable[[], None] = _ignore
        self._ledger = ledger
        self._behind: list[set[int]] = []
        self._walks: list[int] = []
        self._index: dict[tuple[str, int, str], int | None] = {}
        self._carried: dict[int, tuple[Any, frozenset[int]]] = {}
        self._scalars: dict[float, int] = {}
        self._feeding: dict[int, None] = {}
        self._touched: set[int] = set()
        self._unseen: set[int] = set()
        self._operations = 0
        self._models: list[tuple[int, Place | None]] = []
        self._entered = False
        self.blind = False
        self.made: Callable[[str, list[Any]], None] = _ignore
        self.frozen: dict[int, tuple[Any, Place | None]] = {}
        self.unharmful: list[Place] = []

    # On and off

    def enter(self) -> None:
        self.__enter__()
        self._entered = True

    def leave(self) -> None:
        """Take this mode out of the stack, wherever in it it lies. Only the thread that entered it can."""
        if not self._entered:
            return
        self._entered = False
        above = []
        while torch._C._len_torch_function_stack():
            mode = torch._C._pop_torch_function_stack()
            if mode is self:
                break
            above.append(mode)
        for mode in reversed(above):
            torch._C._push_on_torch_function_stack(mode)

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not self.paused and self._entered and not self.quiet():
            self._operations += 1
            try:
                self._operation(func, args, kwargs, result)
            except Exception:
                self.on_failure()
        return result

    # Events

    def model_begins(self, module: Any) -> None:
        place = here() if not torch.is_grad_enabled() else None
        self._models.append((self._operations, place))

    def model_ends(self, module: Any) -> None:
        before, _ = self._models.pop() if self._models else (0, None)
        if before == self._operations:
            self._unseen.update(id(parameter) for parameter in parameters(module))

    def loss(self, losses: list[Any]) -> None:
        for loss in losses:
            self._feeding.update(dict.fromkeys(sorted(self._cuts_of(loss))))

    def is_alone(self, loss: Any) -> bool:
        """Whether a loss without a graph was computed from nothing that ever had one, as far as everything was seen."""
        if self.blind or self._unseen or self.cuts or not isinstance(loss, torch.Tensor) or loss.requires_grad:
            return False
        trained = any(tensor.requires_grad for _, tensor in self._ledger.live())
        return torch.is_grad_enabled() and trained and self._operations > 0

    def used(self, tensor: Any) -> bool | None:
        """Whether an operation took the tensor; None where that cannot be known."""
        if id(tensor) in self._touched:
            return True
        if self.blind:
            return None
        called = self._ledger.was_called(tensor)
        if not self._operations or id(tensor) in self._unseen:
            return True if called else None
        return False

    def explain(self) -> None:
        """Give every parameter that never got a gradient the first cut before a loss that it lies behind."""
        kept: dict[int, int] = {}
        held = {id(tensor): subject for subject, tensor in self._ledger.live()}
        for index, cut in enumerate(self.cuts):
            behind = [held[key] for key in self._behind[index] if key in held]
            if behind and cut.at not in self.unharmful and all(each.seen.received for each in behind):
                self.unharmful.append(cut.at)
        for subject, tensor in self._ledger.live():
            entry = self.frozen.get(id(tensor))
            if entry is not None and entry[0]() is tensor and not tensor.requires_grad:
                subject.seen.frozen_at = entry[1]
            if subject.seen.gradients or not tensor.requires_grad:
                continue
            for index in self._feeding:
                if id(tensor) in self._behind[index]:
                    subject.seen.cut = kept.setdefault(index, len(kept))
                    break
        self.cuts = [self.cuts[index] for index in kept]

    # One operation

    def _operation(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        name = getattr(func, "__name__", "")
        if func == _REQUIRES or name == "requires_grad_":
            self._switch(args)
        if name == "__get__":
            if not isinstance(result, torch.Tensor) or func == _GRADIENT_OF:
                return
            if func == _DATA_OF:
                name = "data"
        inputs = list(_tensors(args)) + list(_tensors(kwargs.values()))
        outputs = list(_tensors((result,)))
        self.made(name, outputs)
        self.on_operation(name, args, inputs, outputs)
        if name not in _NO_USE and outputs:
            self._use(inputs, outputs)
        if (name.endswith("_") and not name.endswith("__")) or name == "__setitem__":
            self._write(name, args)
        if "loss" in name or "cross_entropy" in name or name == "kl_div":
            self.on_loss_function(name, args, kwargs, result)
        carried = frozenset().union(*(self._cuts_of(tensor) for tensor in inputs))
        if self._scalars:
            found = {self._scalars[value] for value in _numbers(args) if value in self._scalars}
            carried |= found
        if name == "backward" or name in _NO_USE:
            return
        flowing = [tensor for tensor in inputs if tensor.requires_grad]
        leaves_torch = bool(outputs) or name in _LEAVING
        if flowing and leaves_torch and not any(tensor.requires_grad for tensor in outputs):
            index = self._cut(name, flowing)
            if index is not None:
                if name in _SCALARS and isinstance(result, float) and result not in (0.0, 1.0, -1.0):
                    self._scalars[result] = index
                carried |= {index}
        if carried:
            for tensor in outputs:
                self._carry(tensor, carried)
            if name in ("__setitem__", "copy_") and args:
                self._carry(args[0], carried)

    def _use(self, inputs: list[Any], outputs: list[Any]) -> None:
        building = torch.is_grad_enabled() and any(tensor.grad_fn is not None for tensor in outputs)
        if self._models or building:
            self._touched.update(id(tensor) for tensor in inputs if tensor.requires_grad and tensor.is_leaf)

    def _switch(self, args: tuple[Any, ...]) -> None:
        """Note where a tensor is told to require no gradient."""
        target = args[0] if args else None
        if isinstance(target, torch.Tensor) and target.is_leaf:
            self.frozen[id(target)] = (weakref.ref(target), None if target.requires_grad else here())
            self.on_switch(target)

    def _write(self, name: str, args: tuple[Any, ...]) -> None:
        """Note where a parameter is written in place: that is what moved it, if no step did."""
        target = args[0] if args else None
        if name in _NO_WRITE or not isinstance(target, torch.Tensor) or target.layout != torch.strided:
            return
        subject = self._ledger.at_address(target.data_ptr())
        if subject is None or subject.known is None:
            return
        if subject.seen.moved_at is None:
            subject.seen.moved_at, subject.seen.moved_by = here(), name
        if subject.seen.steps and not subject.seen.overwritten:
            subject.seen.overwritten = [place_of(frame) for frame in user_frames(sys._getframe())][:_FRAMES]

    def _cut(self, name: str, flowing: list[Any]) -> int | None:
        """The number of the cut that this operation makes here; None where gradients are off by design."""
        off = not torch.is_grad_enabled()
        place = (self._models[0][1] if off and self._models else None) or here()
        if place is None:
            return None
        key = (place.path, place.line, "no_grad" if off else name)
        if key not in self._index:
            if off and _by_design(sys._getframe()):
                self._index[key] = None
            else:
                self._index[key] = len(self.cuts)
                self.cuts.append(CutSeen(place, key[2], name in _SCALARS))
                self._behind.append(set())
                self._walks.append(0)
        index = self._index[key]
        if index is not None and len(self._behind[index]) < 100_000:
            behind = self._behind[index]
            for tensor in flowing:
                if tensor.is_leaf:
                    behind.add(id(tensor))
            graph = [tensor for tensor in flowing if not tensor.is_leaf]
            if graph and self._walks[index] < _WALKS:
                self._walks[index] += 1
                behind.update(id(leaf) for leaf in leaves(graph, _WALK))
        return index

    def cuts_of(self, tensor: Any) -> list[tuple[str, Place]]:
        """The operations that cut the graph behind a tensor, with their places."""
        return [(self.cuts[index].operation, self.cuts[index].at) for index in self._cuts_of(tensor)]

    def _cuts_of(self, tensor: Any) -> frozenset[int]:
        entry = self._carried.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else frozenset()

    def _carry(self, tensor: Any, cuts: frozenset[int]) -> None:
        if isinstance(tensor, torch.Tensor):
            key = id(tensor)
            known = self._cuts_of(tensor)
            self._carried[key] = (weakref.ref(tensor), known | cuts)
            if len(self._carried) > 50_000:
                self._carried = {k: entry for k, entry in self._carried.items() if entry[0]() is not None}


def _ignore(*event: Any) -> None:
    pass


def _tensors(values: Any, depth: int = 2) -> Iterator[Any]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif depth and type(value) in (list, tuple):
            yield from _tensors(value, depth - 1)


def _numbers(values: Any, depth: int = 2) -> Iterator[float]:
    for value in values:
        if type(value) is float:
            yield value
        elif depth and type(value) in (list, tuple) and len(value) <= 256:
            yield from _numbers(value, depth - 1)


def _by_design(frame: FrameType | None) -> bool:
    """Whether gradients are off because an `autograd.Function` or a checkpoint runs."""
    while frame is not None:
        code = frame.f_code
        if code.co_name == "forward" and code.co_argcount:
            first = frame.f_locals.get(code.co_varnames[0])
            if isinstance(first, torch.autograd.function.FunctionCtx):
                return True
        if code.co_filename.endswith("checkpoint.py") and "torch" in code.co_filename:
            return True
        frame = frame.f_back
    return False
