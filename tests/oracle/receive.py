"""Runs programs about what optimizers are given, and says from their steps what an analysis must say of them.

The definitions are written down in README.md beside this file.
"""

from __future__ import annotations

import random
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from tests.oracle.expect import Claim, Verdict
from tests.oracle.given import MAIN, PARTS, Program

CODES = frozenset({"TRN113", "TRN114", "TRN401", "TRN402", "TRN807"})
USUAL = {"SGD": 1.0, "Adam": 1e-2, "AdamW": 1e-2, "RMSprop": 1e-1}
"""The upper end of the rates that an optimizer is used with."""
TINY, TIMES = 1e-7, 100
ONLY_SHRINKING = frozenset({"StepLR", "ExponentialLR"})


@dataclass
class Built:
    """One optimizer of one run: where it was built, and what each of its steps found."""

    line: int
    kind: str
    rates: tuple[float, ...]
    steps: list[tuple[float, ...]] = field(default_factory=list)
    moved: bool = False
    schedules: list[str] = field(default_factory=list)


@dataclass
class Clipped:
    line: int
    limit: float
    nothing: bool
    """There were gradients that no step had applied, and nothing of them is left that could change a weight."""
    waiting: bool = True
    """Neither a clear nor a step has come yet."""
    applied: bool = False


@dataclass
class Run:
    built: list[Built] = field(default_factory=list)
    clips: list[Clipped] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    """Lines of steps that end in an error."""
    added_up: set[int] = field(default_factory=set)
    """Lines of backwards that a step comes to again, in its closure, on the gradients that they left before."""
    idle: set[int] = field(default_factory=set)
    """Lines of steps with a closure behind which no weight has a gradient."""


def observe(program: Program, arguments: tuple[str, ...]) -> Run:
    """What one run does. An error at a step ends it."""
    run = Run()
    parts = types.ModuleType("parts")
    before = sys.argv
    torch.manual_seed(0)
    random.seed(0)
    with _watched(run), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sys.argv, sys.modules["parts"] = [MAIN, *arguments], parts
            exec(compile(program.parts, PARTS, "exec"), vars(parts))
            exec(compile(program.main, MAIN, "exec"), {"__name__": "__main__"})
        except (RuntimeError, TypeError, AttributeError) as error:
            line = _line_of(error)
            if line is None:
                raise
            run.refused.add(line)
        finally:
            sys.argv = before
            del sys.modules["parts"]
    return run


def _line_of(error: BaseException) -> int | None:
    """The line of the program at which an optimizer's step ended in an error."""
    trace, line, stepped = error.__traceback__, None, False
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == MAIN and not stepped:
            line = trace.tb_lineno
        stepped = stepped or (code.co_name == "step" and code.co_filename != MAIN) or "optim" in code.co_filename
        trace = trace.tb_next
    return line if stepped else None


def _line() -> int:
    """The line of the program that is being run."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == MAIN:
            return frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return 0


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _rates(optimizer: Optimizer) -> tuple[float, ...]:
    return tuple(float(group["lr"]) for group in optimizer.param_groups)


@contextmanager
def _watched(run: Run) -> Iterator[None]:
    """Sees optimizers, schedules, clips and closures as torch does."""
    known: dict[int, tuple[Optimizer, Built]] = {}
    weights: dict[int, list[Tensor]] = {}
    unapplied: set[str] = set()
    backwards: list[int] = []
    differentiations: dict[int, int] = {}
    schedulers = torch.optim.lr_scheduler.LRScheduler
    make, schedule, search = Optimizer.__init__, schedulers.__init__, torch.optim.LBFGS.step
    differentiate, clear = Tensor.backward, Optimizer.zero_grad
    clips = {name: getattr(nn.utils, name) for name in ("clip_grad_norm_", "clip_grad_value_")}

    def made(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
        make(optimizer, *args, **kwargs)
        known[id(optimizer)] = optimizer, Built(_line(), type(optimizer).__name__, _rates(optimizer))
        run.built.append(known[id(optimizer)][1])

    def scheduled(scheduler: Any, optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
        known[id(optimizer)][1].schedules.append(type(scheduler).__name__)
        schedule(scheduler, optimizer, *args, **kwargs)

    def before(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        known[id(optimizer)][1].steps.append(_rates(optimizer))
        differentiations[id(optimizer)] = len(backwards)
        weights[id(optimizer)] = [parameter.detach().clone() for parameter in _parameters(optimizer)]

    def after(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        same = map(torch.equal, weights[id(optimizer)], _parameters(optimizer))
        known[id(optimizer)][1].moved |= not all(same)
        for clip in run.clips:
            clip.applied |= clip.waiting
            clip.waiting = False
        unapplied.clear()
        closed = any(map(callable, (*args[1:], *kwargs.values()))) and differentiations[id(optimizer)] == len(backwards)
        if closed and all(parameter.grad is None for parameter in _parameters(optimizer)):
            run.idle.add(_line())

    def differentiated(loss: Tensor, *args: Any, **kwargs: Any) -> None:
        differentiate(loss, *args, **kwargs)
        unapplied.add("gradients")
        backwards.append(_line())

    def emptied(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
        clear(optimizer, *args, **kwargs)
        unapplied.clear()
        for clip in run.clips:
            clip.waiting = False

    def clipped(name: str) -> Callable[..., Any]:
        def clip(parameters: Any, limit: float | None = None, *args: Any, max_norm: float = 0.0) -> Any:
            given = list(parameters)
            limit = max_norm if limit is None else limit
            there = bool(unapplied) and any(parameter.grad is not None and parameter.grad.any() for parameter in given)
            found = clips[name](given, limit, *args)
            left = [float(parameter.grad.abs().max()) for parameter in given if parameter.grad is not None]
            run.clips.append(Clipped(_line(), limit, there and max(left, default=1.0) < 1e-12))
            return found

        return clip

    def searched(optimizer: Any, closure: Any = None) -> Any:
        earlier: list[list[Tensor | None]] = []

        def again() -> Any:
            earlier.append([_copied(parameter.grad) for parameter in _parameters(optimizer)])
            before = len(backwards)
            result = closure()
            now = [_copied(parameter.grad) for parameter in _parameters(optimizer)]
            again = len(earlier) > 1 and len(backwards) > before
            if again and any(_holds(old) for old in left[0]) and cleared[0] is False:
                run.added_up.add(backwards[-1])
            left[0] = now
            return result

        left: list[list[Tensor | None]] = [[None]]
        cleared = [False]
        clear_optimizer, clear_module = Optimizer.zero_grad, nn.Module.zero_grad

        def note(original: Callable[..., None]) -> Callable[..., None]:
            def noted(*args: Any, **kwargs: Any) -> None:
                cleared[0] = True
                original(*args, **kwargs)

            return noted

        Optimizer.zero_grad, nn.Module.zero_grad = note(clear_optimizer), note(clear_module)  # type: ignore[method-assign]
        try:
            return search(optimizer, again if callable(closure) else closure)
        finally:
            Optimizer.zero_grad, nn.Module.zero_grad = clear_optimizer, clear_module  # type: ignore[method-assign]

    hooks = [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)]
    Optimizer.__init__, schedulers.__init__ = made, scheduled  # type: ignore[method-assign]
    Tensor.backward, Optimizer.zero_grad = differentiated, emptied  # type: ignore[method-assign]
    torch.optim.LBFGS.step = searched  # type: ignore[method-assign]
    for name in clips:
        setattr(nn.utils, name, clipped(name))
    try:
        yield
    finally:
        Optimizer.__init__, schedulers.__init__ = make, schedule  # type: ignore[method-assign]
        Tensor.backward, Optimizer.zero_grad = differentiate, clear  # type: ignore[method-assign]
        torch.optim.LBFGS.step = search  # type: ignore[method-assign]
        for name, original in clips.items():
            setattr(nn.utils, name, original)
        for hook in hooks:
            hook.remove()


def _copied(gradient: Tensor | None) -> Tensor | None:
    return None if gradient is None else gradient.clone()


def _holds(gradient: Tensor | None) -> bool:
    return gradient is not None and bool(gradient.any())


def verdict(program: Program) -> Verdict:
    """What must and what may be said of the program."""
    runs = [observe(program, arguments) for arguments in program.arguments]
    must: set[frozenset[Claim]] = set()
    may: set[Claim] = set()
    for order, built in enumerate(runs[0].built):
        every = [run.built[order] for run in runs if order < len(run.built)]
        for code in ("TRN401",) if _stands_still(built) else ("TRN402",) if all(map(_is_absurd, every)) else ():
            must.add(frozenset({(built.line, code)}))
    for clip in runs[0].clips:
        if clip.nothing and clip.applied and _bounds_every_time(runs[0], clip.line):
            must.add(frozenset({(clip.line, "TRN807")}))
    must |= {frozenset({(line, "TRN114")}) for line in runs[0].refused | runs[0].idle}
    must |= {frozenset({(line, "TRN113")}) for line in runs[0].added_up}
    return Verdict(frozenset(must), frozenset(may).difference(*must))


def _bounds_every_time(run: Run, line: int) -> bool:
    return all(clip.nothing and clip.applied for clip in run.clips if clip.line == line)


def _left_alone(built: Built) -> bool:
    """Nothing sets its rates, and no schedule does more than shrink them."""
    shrinks = all(name in ONLY_SHRINKING for name in built.schedules)
    return shrinks if built.schedules else all(step == built.rates for step in built.steps)


def _stands_still(built: Built) -> bool:
    return bool(built.steps) and _left_alone(built) and not any(rate for step in built.steps for rate in step) and not built.moved


def _is_absurd(built: Built) -> bool:
    upper = USUAL.get(built.kind)
    if upper is None or not built.steps or not _left_alone(built):
        return False
    return any(rate > TIMES * upper for rate in built.rates) or all(0 < rate <= TINY for rate in built.rates)
