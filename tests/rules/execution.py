"""Fixtures executed on real torch, and what their gradients and weights say about each claim.

Nothing here looks at the text: whether a step had something to apply, whether that had been applied before, and
what became of each backward is read from the numbers in `.grad` and in the weights, before and after each event.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType

import torch
from torch import Tensor
from torch.optim import Optimizer

from tests.oracle.hooks import Hooks, Place, parameters_of

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@dataclass
class Backward:
    """`reached`: the parameters whose gradient it changed. `applied`: those that a step then moved by it."""

    line: int
    reached: set[int] = field(default_factory=set)
    applied: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Step:
    """`nothing`: no gradient but zeros. `stale`: new gradients were added to ones already applied."""

    line: int
    nothing: bool
    stale: bool
    parameters: frozenset[int]
    backwards: frozenset[int]
    """Which backwards are in its gradients, by number."""


@dataclass
class Built:
    """An optimizer, the weights it had when it was built, and whether a step of its own ever changed one."""

    line: int
    optimizer: Optimizer
    before: list[Tensor]
    moved: bool = False

    @property
    def now(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter in parameters_of(self.optimizer)]

    @property
    def relative_change(self) -> float:
        """The largest change of a weight over the largest weight; not finite where they blew up."""
        scale = max(float(old.abs().max()) for old in self.before)
        change = max(float((new - old).abs().max()) for old, new in zip(self.before, self.now, strict=True))
        return change / scale


@dataclass
class Run:
    """What happened, in order, until the end or until `error`."""

    backwards: list[Backward] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    optimizers: list[Built] = field(default_factory=list)
    events: list[tuple[object, ...]] = field(default_factory=list)
    """Every backward with the parameters it reaches, and every step with those it holds, what it applies, and how: the trace."""
    output: str = ""
    error: Exception | None = None
    namespace: dict[str, object] = field(default_factory=dict)
    """The global names of the script when it has ended."""
    state: list[object] = field(default_factory=list)
    """When it has ended: what the optimizers hold, and what a global name of the script leads to."""

    def steps_at(self, line: int) -> list[Step]:
        return [step for step in self.steps if step.line == line]

    def backwards_at(self, line: int) -> list[Backward]:
        return [backward for backward in self.backwards if backward.line == line]

    def holds(self, claim: str) -> bool:
        """Whether an expression over the names of the script holds at its end."""
        return bool(eval(claim, self.namespace))

    def fingerprint(self) -> list[object]:
        return [self.output, *self.state]


class _Contents:
    """What is in the gradient of one parameter."""

    def __init__(self, parameter: Tensor) -> None:
        self.parameter = parameter
        self.backwards: set[int] = set()
        self.applied = False
        self.stale = False

    def empty(self) -> bool:
        gradient = self.parameter.grad
        return gradient is None or not bool(gradient.to_dense().any())

    def look(self) -> None:
        """Forget what is gone: a gradient that is None or all zeros holds nothing."""
        if self.empty():
            self.backwards.clear()
            self.applied = self.stale = False


@dataclass
class _Stepping:
    """A step under way: the weights before it, and the gradients it has applied and cleared itself."""

    weights: dict[int, Tensor]
    cleared: dict[int, tuple[set[int], bool]] = field(default_factory=dict)


class Witness:
    """Sees one run through the hooks of torch."""

    def __init__(self, filename: str) -> None:
        self.run = Run()
        self._filename = filename
        self._contents: dict[int, _Contents] = {}
        self._numbers: dict[int, int] = {}
        self._active: list[int] = []
        self._stepping: list[_Stepping] = []

    def on_optimizer(self, optimizer: Optimizer) -> None:
        self._know(optimizer)
        before = [parameter.detach().clone() for parameter in parameters_of(optimizer)]
        self.run.optimizers.append(Built(self._line(), optimizer, before))

    def _know(self, optimizer: Optimizer) -> None:
        """Give numbers to its parameters; some may have come since it was built."""
        for parameter in parameters_of(optimizer):
            if id(parameter) not in self._numbers:
                self._numbers[id(parameter)] = len(self._numbers)
                self._contents[self._numbers[id(parameter)]] = _Contents(parameter)

    def on_backward(self, place: Place, root: Tensor, run: Callable[[Tensor | None], None]) -> None:
        self._look()
        before = {index: _copy(contents.parameter.grad) for index, contents in self._contents.items()}
        number = len(self.run.backwards)
        backward = Backward(place[0])
        self.run.backwards.append(backward)
        self._active.append(number)
        run(None)
        self._active.pop()
        for index, contents in self._contents.items():
            if _changed(before.get(index), contents.parameter.grad) and not contents.empty():
                backward.reached.add(index)
                contents.stale |= contents.applied
                contents.backwards.add(number)
        self.run.events.append(("backward", frozenset(backward.reached)))

    def on_clear(self, place: Place, parameters: list[Tensor], run: Callable[[], None]) -> None:
        for stepping in self._stepping:
            for index, weights in stepping.weights.items():
                contents = self._contents[index]
                if not contents.empty() and not torch.equal(weights, contents.parameter):
                    stepping.cleared[index] = set(contents.backwards), contents.stale
        run()
        self._look()

    def on_write(self, place: Place, parameter: Tensor, run: Callable[[], None]) -> None:
        run()
        if (index := self._numbers.get(id(parameter))) is not None:
            contents = self._contents[index]
            contents.backwards.clear()
            contents.applied = contents.stale = False

    def before_step(self, place: Place, optimizer: Optimizer) -> None:
        self._know(optimizer)
        self._look()
        held = {self._numbers[id(parameter)]: parameter for parameter in parameters_of(optimizer)}
        self._stepping.append(_Stepping({i: parameter.detach().clone() for i, parameter in held.items()}))

    def after_step(self, place: Place, optimizer: Optimizer) -> None:
        built, stepping = self._built(optimizer), self._stepping.pop()
        built.moved |= any(
            not torch.equal(weights, self._contents[index].parameter) for index, weights in stepping.weights.items()
        )
        indices, held = frozenset(stepping.weights), dict(stepping.cleared)
        for index in indices:
            contents = self._contents[index]
            if not contents.empty():
                if not contents.backwards and self._active:
                    contents.backwards.add(self._active[-1])
                held[index] = contents.backwards, contents.stale
                contents.applied = True
        for index, (backwards, _) in held.items():
            for number in backwards:
                self.run.backwards[number].applied.add(index)
        numbers = frozenset(number for backwards, _ in held.values() for number in backwards)
        stale = any(stale for _, stale in held.values())
        self.run.steps.append(Step(place[0], not held, stale, indices, numbers))
        self.run.events.append(("step", indices, numbers, stale))

    def _built(self, optimizer: Optimizer) -> Built:
        return next(built for built in self.run.optimizers if built.optimizer is optimizer)

    def _look(self) -> None:
        for contents in self._contents.values():
            contents.look()

    def _line(self) -> int:
        frame = sys._getframe()
        while frame.f_code.co_filename != self._filename and frame.f_back is not None:
            frame = frame.f_back
        return frame.f_lineno


def execute(text: str) -> Run:
    """Run a script as `__main__` and see what it does. The error it ends in is part of the answer."""
    filename = "<fixture>"
    witness = Witness(filename)
    namespace: dict[str, object] = {"__name__": "__main__"}
    output = io.StringIO()
    argv, sys.argv = sys.argv, [filename]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    backend = _BACKEND.search(text)
    try:
        with (
            _keras_on(backend.group(1) if backend else None),
            Hooks(witness, filename).active(),
            contextlib.redirect_stdout(output),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            exec(compile(text, filename, "exec"), namespace)
    except Exception as error:
        witness.run.error = error
    finally:
        sys.argv = argv
        _forget_accelerators()
        torch.set_grad_enabled(True)
        torch.set_num_threads(threads)
    witness.run.namespace = namespace
    witness.run.output = output.getvalue()
    witness.run.state = list(_state([*witness.run.optimizers, *namespace.values()]))
    return witness.run


_KERAS: dict[str, dict[str, ModuleType]] = {}
_BACKEND = re.compile(r'"KERAS_BACKEND"\] = "(\w+)"')


@contextlib.contextmanager
def _keras_on(backend: str | None) -> Iterator[None]:
    """Keras chooses its backend when it is first imported: another one for a script that asks for it, kept for the next."""
    if backend is None:
        yield
        return
    usual, chosen = _keras_modules(), os.environ.get("KERAS_BACKEND")
    _replace_keras(_KERAS.get(backend, {}))
    try:
        yield
    finally:
        _KERAS[backend] = _keras_modules()
        _replace_keras(usual)
        if chosen is None:
            os.environ.pop("KERAS_BACKEND", None)
        else:
            os.environ["KERAS_BACKEND"] = chosen


def _keras_modules() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name == "keras" or name.startswith("keras.")}


def _replace_keras(modules: dict[str, ModuleType]) -> None:
    for name in _keras_modules():
        del sys.modules[name]
    sys.modules.update(modules)


def _forget_accelerators() -> None:
    """Accelerators share one state in a process, which the first of them decides."""
    if "accelerate" in sys.modules:
        from accelerate.state import AcceleratorState, GradientState

        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()


def _state(reached: list[object]) -> Iterator[object]:
    """Every weight, buffer, rate and mode in sight."""
    seen: set[int] = set()
    while reached:
        value = reached.pop(0)
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Built):
            reached.append(value.optimizer)
        elif isinstance(value, torch.nn.Module):
            yield [module.training for module in value.modules()]
            yield [tensor.tolist() for tensor in value.state_dict().values()]
        elif isinstance(value, Optimizer):
            yield [group.get("lr") for group in value.param_groups]
            yield [parameter.tolist() for parameter in parameters_of(value)]
        elif isinstance(value, dict):
            reached.extend(value.values())
        elif isinstance(value, (list, tuple)):
            reached.extend(value)
        elif type(value).__module__ == "__main__" and hasattr(value, "__dict__"):
            reached.extend(vars(value).values())


def _copy(gradient: Tensor | None) -> Tensor | None:
    return None if gradient is None else gradient.detach().clone()


def _changed(before: Tensor | None, after: Tensor | None) -> bool:
    if before is None or after is None:
        return before is not after
    return not torch.equal(before, after)
