"""Attaching a recorder to torch and detaching it: global hooks, and patches where torch has none."""

from __future__ import annotations

import functools
import sys
from multiprocessing.process import BaseProcess
from typing import Any, Callable

import torch
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from .patches import Patches
from .recorder import Recorder
from .tensors import scalar


class Attachment:
    """A recorder's hooks in torch. `detach` leaves torch as it was found."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._patches = Patches()
        self._handles: list[Any] = []
        self._forward_handles: list[Any] = []

    def attach(self) -> None:
        recorder = self._recorder
        self._handles = [
            register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: recorder.step_begins(optimizer, args, kwargs)),
            register_optimizer_step_post_hook(lambda optimizer, args, kwargs: recorder.step_ends(optimizer)),
        ]
        module = torch.nn.modules.module
        self._forward_handles = [
            module.register_module_forward_pre_hook(recorder.forward_begins),
            _register_forward_hook(recorder.forward_ends),
        ]
        patch = self._patches.replace
        patch(Optimizer, "__init__", self._after_init)
        patch(Optimizer, "zero_grad", self._zero_grad)
        patch(Optimizer, "load_state_dict", self._restore)
        patch(torch.autograd, "backward", self._backward)
        patch(torch.autograd, "grad", self._grad)
        patch(torch.nn.Module, "load_state_dict", self._load)
        patch(torch.nn.Module, "__init__", self._built)
        patch(torch.nn.Module, "train", self._switched)
        patch(torch.nn.Module, "eval", self._switched)
        self._patch_schedulers()
        patch(torch, "compile", self._compile)
        for owner in (torch.nn.utils, sys.modules.get("torch.nn.utils.clip_grad")):
            if owner is not None:
                patch(owner, "clip_grad_norm_", functools.partial(self._clip, "max_norm"))
                patch(owner, "clip_grad_value_", functools.partial(self._clip, "clip_value"))
        for scaler in self._scalers():
            patch(scaler, "__init__", self._scaler_built)
            patch(scaler, "scale", self._scale)
            patch(scaler, "unscale_", self._unscale)
            patch(scaler, "step", self._scaler_step)
        patch(torch.utils.data.DataLoader, "__init__", self._loader_built)
        patch(torch.utils.data.DataLoader, "__iter__", self._loader_starts)
        patch(BaseProcess, "start", self._start)
        recorder.lineage.enter()

    def detach(self) -> None:
        """Remove everything. Never called from inside a hook: torch is iterating over its hooks then."""
        self._patches.undo()
        for handle in (*self._handles, *self._forward_handles):
            handle.remove()
        self._handles, self._forward_handles = [], []
        self._recorder.lineage.leave()
        self._recorder.forget()

    def _settle(self) -> None:
        """Detach once the recorder is done: here no hook is running."""
        if self._recorder.over and self._handles:
            self.detach()

    def _scalers(self) -> list[Any]:
        found = [getattr(torch.amp, "GradScaler", None), getattr(torch.cuda.amp, "GradScaler", None)]
        return [scaler for scaler in found if scaler is not None]

    # The patches

    def _after_init(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def __init__(optimizer: Any, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            self._recorder.built(optimizer)

        return __init__

    def _zero_grad(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def zero_grad(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            self._settle()
            self._recorder.cleared(optimizer)
            return original(optimizer, *args, **kwargs)

        return zero_grad

    def _backward(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            self._settle()
            keeps = kwargs.get("retain_graph", args[1] if len(args) > 1 else None)
            self._recorder.backward_begins(tensors, True, bool(keeps))
            gradients: dict[int, Any] | None = None
            try:
                result = original(tensors, *args, **kwargs)
                gradients = {}
            finally:
                self._recorder.backward_ends(gradients)
            return result

        return backward

    def _grad(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            self._settle()
            self._recorder.backward_begins(outputs, False)
            gradients: dict[int, Any] | None = None
            try:
                result = original(outputs, inputs, *args, **kwargs)
                asked = [inputs] if isinstance(inputs, torch.Tensor) else list(inputs)
                gradients = {id(tensor): gradient for tensor, gradient in zip(asked, result)}
            finally:
                self._recorder.backward_ends(gradients)
            return result

        return grad

    def _clip(self, limit: str, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def clip(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            if self._recorder.over:
                return original(parameters, *args, **kwargs)
            if not isinstance(parameters, torch.Tensor):
                parameters = list(parameters)
            sized = self._recorder.clip_begins(parameters)
            result = original(parameters, *args, **kwargs)
            bound = args[0] if args else kwargs.get(limit, 0.0)
            total = scalar(result) if result is not None else None
            self._recorder.clip_ended(sized, float(bound), total)
            return result

        return clip

    def _restore(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def load_state_dict(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            before = self._recorder.rates_of(optimizer)
            result = original(optimizer, *args, **kwargs)
            self._recorder.restored(optimizer, before)
            return result

        return load_state_dict

    def _loader_built(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def __init__(loader: Any, *args: Any, **kwargs: Any) -> None:
            original(loader, *args, **kwargs)
            self._recorder.loader_built(loader)

        return __init__

    def _loader_starts(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def __iter__(loader: Any) -> Any:
            self._recorder.loader_starts(loader)
            return original(loader)

        return __iter__

    def _scaler_built(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def __init__(scaler: Any, *args: Any, **kwargs: Any) -> None:
            original(scaler, *args, **kwargs)
            self._recorder.scaler_built(scaler)

        return __init__

    def _load(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def load_state_dict(module: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(module, *args, **kwargs)
            self._recorder.loaded(module)
            return result

        return load_state_dict

    def _built(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def __init__(module: Any, *args: Any, **kwargs: Any) -> None:
            original(module, *args, **kwargs)
            self._recorder.made(module)

        return __init__

    def _switched(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def switch(module: Any, *args: Any, **kwargs: Any) -> Any:
            with self._recorder.outermost("switch") as first:
                result = original(module, *args, **kwargs)
            if first:
                self._recorder.switched(module)
            return result

        return switch

    def _patch_schedulers(self) -> None:
        """Schedules that override `step` call their parents' or each other's: the outermost call counts."""
        schedulers = torch.optim.lr_scheduler
        kinds = {kind for kind in vars(schedulers).values() if isinstance(kind, type)}
        for kind in kinds:
            if kind.__module__ == schedulers.__name__ and hasattr(kind, "step"):
                self._patches.replace(kind, "__init__", self._scheduler_built)
                self._patches.replace(kind, "step", self._scheduler_step)

    def _scheduler_built(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def __init__(scheduler: Any, *args: Any, **kwargs: Any) -> None:
            with self._recorder.outermost("schedule"):
                original(scheduler, *args, **kwargs)
            self._recorder.schedule_built(scheduler)

        return __init__

    def _scheduler_step(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def step(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            before = self._recorder.rate_of(scheduler)
            with self._recorder.outermost("schedule") as first:
                result = original(scheduler, *args, **kwargs)
            if first:
                self._recorder.schedule_stepped(scheduler, before)
            return result

        return step

    def _compile(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def compile(*args: Any, **kwargs: Any) -> Any:
            if not self._recorder.over:
                self._look_away()
            return original(*args, **kwargs)

        return compile

    def _look_away(self) -> None:
        """A compiler would trace the hooks into the compiled code: forward passes go unseen from here on."""
        for handle in self._forward_handles:
            handle.remove()
        self._forward_handles = []
        self._recorder.lineage.leave()
        self._recorder.lineage.blind = True

    def _scale(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def scale(scaler: Any, outputs: Any) -> Any:
            result = original(scaler, outputs)
            if scaler.is_enabled():
                for output in result if isinstance(result, (list, tuple)) else [result]:
                    self._recorder.scaled(output, scaler)
            return result

        return scale

    def _unscale(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def unscale_(scaler: Any, optimizer: Any) -> Any:
            result = original(scaler, optimizer)
            self._recorder.unscaled(optimizer)
            return result

        return unscale_

    def _scaler_step(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def step(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            if self._recorder.over or not isinstance(optimizer, Optimizer):
                return original(scaler, optimizer, *args, **kwargs)
            before = self._recorder.scaler_steps(optimizer)
            result = original(scaler, optimizer, *args, **kwargs)
            self._recorder.scaler_stepped(optimizer, before, scaler)
            return result

        return step

    def _start(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def start(process: Any) -> Any:
            target = getattr(process, "_target", None)
            module = getattr(target, "__module__", "") or ""
            if not module.startswith("torch.utils.data"):
                self._recorder.started_child()
            return original(process)

        return start


def _register_forward_hook(hook: Callable[..., Any]) -> Any:
    """Before torch 2.1 a forward pass that raises calls no hook: what its thread calls later counts as a part of it."""
    register = torch.nn.modules.module.register_module_forward_hook
    try:
        return register(hook, always_call=True)
    except TypeError:
        return register(hook)
