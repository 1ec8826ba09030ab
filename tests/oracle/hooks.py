"""Sees what a running program does to gradients, through torch itself and nothing that the program says.

While `Hooks` is active, torch reports every backward, step, clear and write to `.grad` to an observer, each with the lines of
the program that led to it. The program runs unchanged.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

Place = tuple[int, ...]
"""Lines of the program, the innermost call first, then the lines that called it."""

_GRAD = torch._C.TensorBase.grad


class Observer(Protocol):
    """What is told. `run` does what the program asked for; an observer calls it exactly once."""

    def on_optimizer(self, optimizer: Optimizer) -> None: ...

    def on_backward(self, place: Place, root: Tensor, run: Callable[[Tensor | None], None]) -> None:
        """`run(seed)` differentiates; None keeps the seed that the program gave."""

    def on_clear(self, place: Place, parameters: list[Tensor], run: Callable[[], None]) -> None:
        """Also where the program itself looks at a gradient and finds None: `if p.grad is not None: p.grad.zero_()`."""

    def on_write(self, place: Place, parameter: Tensor, run: Callable[[], None]) -> None: ...

    def before_step(self, place: Place, optimizer: Optimizer) -> None: ...

    def after_step(self, place: Place, optimizer: Optimizer) -> None: ...


@runtime_checkable
class PreciseObserver(Observer, Protocol):
    """Is told of scaling, clipping and schedules as well. Clips are not made."""

    def on_clip(self, place: Place, parameters: list[Tensor]) -> None: ...

    def on_scaler(self, place: Place, method: str, scaler: Any, optimizer: Optimizer | None, run: Callable[[], Any]) -> Any:
        """A gradient scaler's `step`, `unscale_` or `update`."""

    def on_schedule(self, place: Place, scheduler: Any) -> None: ...


def gradient_of(parameter: Tensor) -> Tensor | None:
    """`parameter.grad`, unseen by any hook."""
    gradient: Tensor | None = _GRAD.__get__(parameter)
    return gradient


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


class Hooks:
    """Reports to `observer` what the program compiled under `filename` does. Active between `install` and `remove`."""

    def __init__(self, observer: Observer, filename: str) -> None:
        self.observer = observer
        self.filename = filename
        self._quiet = 0
        self._known: dict[int, Tensor] = {}
        self._undo: list[Callable[[], None]] = []

    @contextmanager
    def active(self) -> Iterator[None]:
        self.install()
        try:
            yield
        finally:
            self.remove()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """What torch does inside is not reported."""
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1

    def place(self) -> Place:
        lines = []
        frame = sys._getframe(2)
        while frame is not None:
            code = frame.f_code
            if code.co_filename == self.filename:
                lines.append(frame.f_lineno)
                if code.co_name == "<module>":
                    break
            frame = frame.f_back  # type: ignore[assignment]
        return tuple(lines)

    def install(self) -> None:
        self._patch_optimizers()
        self._patch_backward()
        self._patch_clears()
        self._patch_writes()
        if isinstance(self.observer, PreciseObserver):
            self._patch_precision(self.observer)
            self._patch_schedules(self.observer)

    def remove(self) -> None:
        while self._undo:
            self._undo.pop()()

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        if name in vars(owner):
            original = vars(owner)[name]
            self._undo.append(lambda: setattr(owner, name, original))
        else:
            self._undo.append(lambda: delattr(owner, name))
        setattr(owner, name, value)

    def _patch_optimizers(self) -> None:
        build = Optimizer.__init__

        def built(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
            build(optimizer, *args, **kwargs)
            self.observer.on_optimizer(optimizer)

        def before(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            if not self._quiet:
                self.observer.before_step(self.place(), optimizer)

        def after(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            if not self._quiet:
                self.observer.after_step(self.place(), optimizer)

        self._replace(Optimizer, "__init__", built)
        self._undo.append(register_optimizer_step_pre_hook(before).remove)
        self._undo.append(register_optimizer_step_post_hook(after).remove)

    def _patch_backward(self) -> None:
        differentiate = torch.autograd.backward

        def backward(tensors: Any, grad_tensors: Any = None, *args: Any, **kwargs: Any) -> None:
            if self._quiet:
                differentiate(tensors, grad_tensors, *args, **kwargs)
                return
            root = tensors if isinstance(tensors, Tensor) else next(iter(tensors))

            def run(seed: Tensor | None) -> None:
                differentiate(tensors, grad_tensors if seed is None else seed, *args, **kwargs)

            self.observer.on_backward(self.place(), root, run)

        self._replace(torch.autograd, "backward", backward)

    def _patch_clears(self) -> None:
        clear_optimizer, clear_module = Optimizer.zero_grad, nn.Module.zero_grad

        def clear(place: Place, parameters: Iterable[Tensor], act: Callable[[], None]) -> None:
            def run() -> None:
                with self.quiet():
                    act()

            self.observer.on_clear(place, list(parameters), run)

        def optimizer_zero_grad(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
            clear(self.place(), parameters_of(optimizer), lambda: clear_optimizer(optimizer, *args, **kwargs))

        def module_zero_grad(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            clear(self.place(), module.parameters(), lambda: clear_module(module, *args, **kwargs))

        self._replace(Optimizer, "zero_grad", optimizer_zero_grad)
        self._replace(nn.Module, "zero_grad", module_zero_grad)

    def _patch_writes(self) -> None:
        zero = Tensor.zero_

        def set_grad(parameter: Tensor, value: Tensor | None) -> None:
            if self._quiet:
                _GRAD.__set__(parameter, value)
            elif value is None:
                self.observer.on_clear(self.place(), [parameter], lambda: _GRAD.__set__(parameter, None))
            else:
                self.observer.on_write(self.place(), parameter, lambda: _GRAD.__set__(parameter, value))

        def get_grad(parameter: Tensor) -> Tensor | None:
            value = gradient_of(parameter)
            if value is None and sys._getframe(1).f_code.co_filename == self.filename:
                self.observer.on_clear(self.place(), [parameter], lambda: None)
            return value

        def zero_(tensor: Tensor) -> Tensor:
            owner = None if self._quiet else self._owner(tensor)
            if owner is None:
                return zero(tensor)
            self.observer.on_clear(self.place(), [owner], lambda: (zero(tensor), None)[1])
            return tensor

        self._replace(nn.Parameter, "grad", property(get_grad, set_grad))
        self._replace(Tensor, "zero_", zero_)

    def _patch_precision(self, observer: PreciseObserver) -> None:
        def clip(parameters: Iterable[Tensor], *args: Any, **kwargs: Any) -> Tensor:
            observer.on_clip(self.place(), list(parameters))
            return torch.tensor(0.0)

        self._replace(torch.nn.utils, "clip_grad_norm_", clip)
        for method in ("step", "unscale_", "update"):
            self._replace(torch.amp.GradScaler, method, self._of_scaler(observer, method, getattr(torch.amp.GradScaler, method)))

    def _of_scaler(self, observer: PreciseObserver, method: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def called(scaler: Any, optimizer: Any = None, *args: Any) -> Any:
            given = () if optimizer is None else (optimizer,)
            if self._quiet or sys._getframe(1).f_code.co_filename != self.filename:
                return original(scaler, *given, *args)
            return observer.on_scaler(self.place(), method, scaler, optimizer, lambda: original(scaler, *given, *args))

        return called

    def _patch_schedules(self, observer: PreciseObserver) -> None:
        schedulers = torch.optim.lr_scheduler
        step = schedulers.LRScheduler.step

        def stepped(scheduler: Any, *args: Any) -> None:
            step(scheduler, *args)
            if sys._getframe(1).f_code.co_filename == self.filename:
                observer.on_schedule(self.place(), scheduler)

        self._replace(schedulers.LRScheduler, "step", stepped)

    def know(self, parameters: Iterable[Tensor]) -> None:
        """Names the parameters whose gradient tensors are recognised when they are zeroed in place."""
        self._known.update((id(parameter), parameter) for parameter in parameters)

    def forget(self) -> None:
        """Lets go of every parameter that was named."""
        self._known.clear()

    def _owner(self, gradient: Tensor) -> Tensor | None:
        return next((p for p in self._known.values() if gradient_of(p) is gradient), None)
