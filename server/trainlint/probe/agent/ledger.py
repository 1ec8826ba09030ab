"""The parameters, buffers and models of a run, each once, with the name the user gave it."""

from __future__ import annotations

import weakref
from types import FrameType
from typing import Any, Iterator

import torch

from ..observation import BufferSeen, ParameterSeen, Place
from .modules import modules, named_buffers, named_parameters, parameters
from .names import Names
from .origins import Origins
from .tensors import beside, count, differs, free_bytes, local, measurable, norm, size_bytes, stash

_NOISE = 8.0
"""Roundings that are left of a sum that cancels out, in units of the format's resolution and of what was summed."""


class Subject:
    """One tensor that could learn, and what is remembered of it between two events."""

    def __init__(self, tensor: Any, seen: ParameterSeen) -> None:
        self.reference = weakref.ref(tensor)
        self.seen = seen
        self.known: Any = None
        self.learned_mask: Any = None
        self.applied: tuple[float, float] | None = None
        self.before_backward: tuple[float, float] | None = None
        self.stale = False
        self.fresh = False
        self.filled = False
        self.clip_ratio: float | None = None
        self.scaled = False
        self.passes = 0
        self.wasted = 0

    @property
    def tensor(self) -> Any:
        return self.reference()


class Ledger:
    def __init__(self) -> None:
        self.names = Names()
        self.origins = Origins()
        self.subjects: dict[int, Subject] = {}
        self.order: list[Subject] = []
        self.called: dict[int, Any] = {}
        self.roots: dict[int, Any] = {}
        self.owners: dict[int, list[int]] = {}
        self._buffers: dict[int, tuple[Any, Any, BufferSeen]] = {}
        self._addresses: dict[int, Subject] = {}
        self._mapped = 0
        self._class_labels: dict[int, str] = {}
        self._class_counts: dict[str, int] = {}

    def subject(self, tensor: Any) -> Subject:
        """The record of a tensor, made at its first appearance and named by its variable if it has one."""
        known = self.subjects.get(id(tensor))
        if known is not None and known.tensor is tensor:
            return known
        seen = ParameterSeen(
            name=f"tensor {len(self.order) + 1}",
            model=None,
            shape=list(tensor.shape),
            dtype=str(tensor.dtype).replace("torch.", ""),
            elements=local(tensor).numel(),
            trainable=bool(tensor.requires_grad),
        )
        subject = Subject(tensor, seen)
        seen.name = self.names.of(tensor) or seen.name
        self.subjects[id(tensor)] = subject
        self.order.append(subject)
        return subject

    def at_address(self, address: int) -> Subject | None:
        """The parameter whose values begin at an address of memory."""
        if self._mapped != len(self.order):
            self._mapped = len(self.order)
            self._addresses = {tensor.data_ptr(): subject for subject, tensor in self.live() if measurable(tensor)}
        return self._addresses.get(address)

    def merge(self, earlier: Subject, later: Subject) -> None:
        """Treat the tensor of `later` as the next state of `earlier`."""
        earlier.reference = later.reference
        self.subjects[id(later.tensor)] = earlier
        self.order.remove(later)

    def live(self) -> Iterator[tuple[Subject, Any]]:
        for subject in list(self.order):
            tensor = subject.tensor
            if tensor is not None:
                yield subject, tensor

    def call(self, module: Any, outermost: bool) -> bool:
        """Note that a module runs. True for a model that was not seen before."""
        key = id(module)
        reference = self.called.get(key)
        if reference is None or reference() is not module:
            self.called[key] = weakref.ref(module)
        elif not outermost or key in self.roots:
            return False
        if outermost and key not in self.roots:
            self.roots[key] = self.called[key]
            return True
        return False

    def adopt(self, leaves: list[Any]) -> None:
        """Parameters that a loss depends on and no listed model holds: the layer that has them counts as a model."""
        strange = {id(leaf) for leaf in leaves if isinstance(leaf, torch.nn.Parameter) and id(leaf) not in self.owners}
        if not strange:
            return
        for key, reference in list(self.called.items()):
            module = reference()
            own = module._parameters.values() if module is not None and key not in self.roots else ()
            if any(id(parameter) in strange for parameter in own):
                self.roots[key] = reference

    def was_called(self, tensor: Any) -> bool | None:
        """Whether a module that owns the tensor ran; None for a tensor of no module."""
        owners = self.owners.get(id(tensor))
        return None if owners is None else any(owner in self.called for owner in owners)

    def settle(self, frame: FrameType | None) -> None:
        """Find the models that hold what is being trained, list their parameters and buffers,
        and name them.
        """
        self.names.look(frame)
        settled: set[int] = set()
        buffers: set[int] = set()
        for module, label, named in self._models():
            for path, parameter in named_parameters(module):
                subject = self.subject(parameter)
                if id(subject) not in settled:
                    subject.seen.name, subject.seen.model = f"{label}.{path}", label
                    if named:
                        settled.add(id(subject))
            self._list_owners(module)
            self._list_buffers(module, label, buffers)

    def _list_owners(self, module: Any) -> None:
        for inner in modules(module):
            for parameter in inner._parameters.values():
                if parameter is not None:
                    self._place(self.subject(parameter).seen, module, inner)
                    owners = self.owners.setdefault(id(parameter), [])
                    if id(inner) not in owners:
                        owners.append(id(inner))

    def _place(self, seen: ParameterSeen, model: Any, owner: Any) -> None:
        if not seen.built:
            places = (self.origins.built_at(model), self.origins.built_at(owner))
            seen.built = [place for place in places if place is not None]

    def _list_buffers(self, module: Any, label: str, settled: set[int]) -> None:
        for path, buffer in named_buffers(module):
            known = self._buffers.get(id(buffer))
            if id(buffer) in settled:
                continue
            settled.add(id(buffer))
            if known is not None and known[0]() is buffer:
                known[2].name, known[2].model = f"{label}.{path}", label
            elif measurable(buffer):
                seen = BufferSeen(f"{label}.{path}", label, list(buffer.shape), False)
                self._buffers[id(buffer)] = (weakref.ref(buffer), stash(buffer), seen)

    def name_held(self, optimizer: Any, label: str) -> None:
        """Name tensors that only an optimizer holds by their place in it."""
        for number, group in enumerate(optimizer.param_groups):
            for position, tensor in enumerate(group["params"]):
                subject = self.subject(tensor)
                if subject.seen.model is None and self.names.of(tensor) is None:
                    subject.seen.name = f'{label}.param_groups[{number}]["params"][{position}]'

    def label(self, value: Any) -> str:
        """The name of a model or optimizer: its variable, or its class, numbered where several have none."""
        label = self.names.of(value)
        if label is not None:
            return label
        key = id(value)
        if key not in self._class_labels:
            kind = type(value).__name__
            number = self._class_counts[kind] = self._class_counts.get(kind, 0) + 1
            self._class_labels[key] = kind if number == 1 else f"{kind}#{number}"
        return self._class_labels[key]

    def baseline(self) -> None:
        """Remember the values of everything that has no remembered value yet."""
        fresh = [(s, t) for s, t in self.live() if s.known is None and not s.seen.steps and measurable(t)]
        if size_bytes([tensor for _, tensor in fresh]) * 2 > free_bytes(torch.device("cpu")):
            return
        for subject, tensor in fresh:
            subject.known = stash(tensor)

    def compare(self, subject: Subject, tensor: Any, at: Place | None = None, by: str = "") -> int:
        """Count the elements changed since the value was last remembered, as moved by something else."""
        if subject.known is None or not measurable(tensor) or subject.known.shape != local(tensor).shape:
            return 0
        moved = count(differs(beside(subject.known, tensor), local(tensor)))
        if moved:
            subject.seen.moved_outside = max(subject.seen.moved_outside, moved)
            subject.known = stash(tensor)
            if at is not None and subject.seen.moved_at is None:
                subject.seen.moved_at, subject.seen.moved_by = at, by
        return moved

    def find_cancelled(self, kinds: tuple[Any, ...]) -> None:
        """Mark each bias whose gradients cancel out in every step, but for rounding, though the weight of its layer has some:
        the loss does not depend on it, as the difference of two outputs of a critic does not, nor attention on what is
        added to all keys.
        """
        for reference in self.called.values():
            module = reference()
            bias = self.subjects.get(id(module.bias)) if isinstance(module, kinds) and module.bias is not None else None
            if bias is None or not bias.seen.steps or any(each.gradient_norm is None for each in bias.seen.steps):
                continue
            most = max(each.gradient_norm or 0.0 for each in bias.seen.steps)
            noise = _NOISE * torch.finfo(module.bias.dtype).eps
            others = (self.subjects.get(id(tensor)) for tensor in parameters(module) if tensor is not module.bias)
            rows = [each.seen.steps for each in others if each is not None and each.seen.steps]
            if any(
                all(each.gradient == "finite" and most <= noise * (each.gradient_norm or 0.0) for each in steps) for steps in rows
            ):
                bias.seen.cancelled = True

    def finish(self) -> tuple[list[ParameterSeen], list[BufferSeen]]:
        """Every parameter and buffer, in the order of appearance, with its last facts. Sharding gathers a parameter in
        another tensor of the same name while it is used: the one that an optimizer holds, or that gets gradients, stands for
        both.
        """
        for subject, tensor in self.live():
            if not measurable(tensor):
                continue
            subject.seen.weight_norm = norm(tensor)
            if not subject.seen.steps:
                subject.seen.trainable = bool(tensor.requires_grad)
            self.compare(subject, tensor)
        for reference, before, seen in self._buffers.values():
            buffer = reference()
            if buffer is not None and buffer.shape == before.shape:
                seen.changed = bool(count(differs(beside(before, buffer), buffer)))
        standing: dict[tuple[str, str], Subject] = {}
        for subject in sorted(self.order, key=lambda each: (not each.seen.optimizers, not each.seen.received)):
            if subject.seen.model:
                standing.setdefault((subject.seen.model, subject.seen.name), subject)
        listed = [
            subject.seen
            for subject in self.order
            if subject.seen.optimizers or standing.get((subject.seen.model or "", subject.seen.name), subject) is subject
        ]
        return listed, [seen for _, _, seen in self._buffers.values()]

    def _models(self) -> list[tuple[Any, str, bool]]:
        """Models to list: those that ran and the named ones around them, largest first."""
        found: dict[int, tuple[Any, str, bool]] = {}
        roots = {key for key, reference in self.roots.items() if reference() is not None}
        for label, module in self.names.named_modules():
            inner = {id(each) for each in modules(module)}
            if inner & roots or any(id(parameter) in self.subjects for parameter in parameters(module)):
                found[id(module)] = (module, label, True)
        for key in roots:
            module = self.roots[key]()
            if module is not None and key not in found and next(parameters(module), None) is not None:
                found[key] = (module, self.label(module), False)
        sizes = {key: sum(1 for _ in parameters(entry[0])) for key, entry in found.items()}
        return sorted(found.values(), key=lambda entry: (-sizes[id(entry[0])], not entry[2]))
