"""Runs a training program on real torch and says, from the numbers in `.grad`, what each step applied.

The n-th backward of a run is seeded with 4**n, and the loss is linear in the weights, so the value of a gradient spells
which backwards are in it, and how often each counts the weight: float64 holds 26 base-4 digits exactly.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from tests.oracle.hooks import Hooks, Place, gradient_of, parameters_of
from tests.oracle.instrument import ENTER, FILENAME, TURN, Compiled

MOST_BACKWARDS = 26
SHIFT = 6
"""By how many digits a gradient scaler moves the gradients, and how many backwards a run with one may have.

Digits are kept for what is scaled, what is not, and what was unscaled once or twice too often.
"""
MOST_TURNS = 100


class JudgeError(AssertionError):
    """The program is not one the judge can decide, or torch did not do what the numbers say it did."""


class OutOfMemory(RuntimeError):
    """The failure that a situation asks for."""


@dataclass(frozen=True)
class Situation:
    """What a program finds when it runs and no reader of its text can know."""

    epochs: int = 2
    batches: int = 4
    warmup: bool = False
    coin: str = "1"
    """Answers to the conditions that change from one evaluation to the next, repeated as often as needed."""
    failures: str = "0"
    """Which operations that can fail raise RuntimeError, repeated as often as needed."""
    fallible: frozenset[str] = frozenset({"loss"})
    """Operations that can fail, before they have done anything: of loss, backward, clear, step."""

    @property
    def argv(self) -> list[str]:
        return ["program.py", str(self.epochs), str(self.batches), *(["--warmup"] if self.warmup else [])]


class Turn(NamedTuple):
    """Where an event lies in one loop: which entry of the loop, which turn of it, both counted from 1."""

    loop: int
    entry: int
    number: int


@dataclass(slots=True)
class Event:
    index: int
    place: Place
    turns: tuple[Turn, ...]
    """The loops around the event, outermost first, callers' loops included."""

    @property
    def line(self) -> int:
        return self.place[0]


@dataclass(slots=True)
class Backward(Event):
    number: int
    reached: frozenset[int]
    """The parameters whose gradient it changed."""


@dataclass(slots=True)
class Clear(Event):
    parameters: frozenset[int]
    discarded: frozenset[tuple[int, int]]
    """(parameter, backward) that were in the gradients and are gone."""


@dataclass(slots=True)
class Step(Event):
    optimizer: int
    parameters: frozenset[int]
    fresh: frozenset[tuple[int, int]]
    """(parameter, backward) in the gradients that no earlier step had applied."""
    stale: frozenset[tuple[int, int]]
    """(parameter, backward) in the gradients that an earlier step had applied already."""
    through: bool = False
    """Whether a gradient scaler made it."""
    scaled: bool = False
    """Whether some of what it applied was multiplied by the loss scale."""

    @property
    def nothing(self) -> bool:
        return not self.fresh and not self.stale


@dataclass(slots=True)
class Clip(Event):
    parameters: frozenset[int]
    contents: frozenset[tuple[int, int]]
    """(parameter, backward) in the gradients that it would bound."""
    scaled: bool
    """Whether some of them are multiplied by the loss scale."""
    applied: bool
    """Whether a step has applied all of them already."""


@dataclass(slots=True)
class Refusal(Event):
    """A gradient scaler raised an error. The run goes on as if the call had been in order."""

    method: str
    message: str


@dataclass(slots=True)
class Update(Event):
    """A gradient scaler chose its scale for the next step."""


@dataclass(slots=True)
class Schedule(Event):
    scheduler: int
    optimizer: int


@dataclass
class Run:
    """What happened, in order. `applied` and `left` are about (parameter, backward)."""

    situation: Situation
    events: list[Event] = field(default_factory=list)
    applied: set[tuple[int, int]] = field(default_factory=set)
    left: set[tuple[int, int]] = field(default_factory=set)


class Judge:
    """Runs compiled programs one after the other, inside a session in which torch is patched."""

    def __init__(self) -> None:
        self._hooks = Hooks(self, FILENAME)

    @contextmanager
    def session(self) -> Iterator[Judge]:
        """Patches torch, and makes float64 the type of new tensors, until the block ends."""
        dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(1)
        self._seeds = [torch.tensor(4.0**number) for number in range(MOST_BACKWARDS)]
        self._shares = {size: torch.full((size,), 1 / size) for size in (1, 2)}
        replaced = {
            (torch.nn.functional, "l1_loss"): self._l1_loss,
            (random, "random"): lambda: 0.0 if self._toss() else 1.0,
            (torch, "isfinite"): lambda tensor: torch.tensor(self._toss()),
            (torch.autograd.profiler, "record_function"): nullcontext,
        }
        originals = {key: getattr(*key) for key in replaced}
        try:
            for key, value in replaced.items():
                setattr(*key, value)
            with self._hooks.active(), warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                yield self
        finally:
            for key, value in originals.items():
                setattr(*key, value)
            torch.set_default_dtype(dtype)
            torch.set_num_threads(threads)

    def run(self, program: Compiled, situation: Situation) -> Run:
        """What `program` does in `situation`. Raises JudgeError where the numbers cannot be read."""
        self._program = program
        self._run = Run(situation)
        self._scales = "GradScaler" in program.text
        self._through: Optimizer | None = None
        self._schedulers: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._parameters: list[Tensor] = []
        self._held: list[frozenset[tuple[int, int]]] = []
        self._optimizers: dict[int, int] = {}
        self._kept: list[Optimizer] = []
        self._loops: dict[int, tuple[int, int]] = {}
        self._backwards = self._tosses = self._attempts = 0
        self._steps: list[tuple[Optimizer, list[float]]] = []
        self._hooks.forget()
        argv, sys.argv = sys.argv, situation.argv
        try:
            exec(program.code, {"__name__": "__main__", ENTER: self._enter, TURN: self._turn})
        except OutOfMemory:
            pass
        finally:
            sys.argv = argv
        for parameter in self._parameters:
            self._run.left |= self._contents(parameter)
        return self._run

    # What the program finds

    def _toss(self) -> bool:
        coin = self._run.situation.coin
        self._tosses += 1
        return coin[(self._tosses - 1) % len(coin)] == "1"

    def _l1_loss(self, output: Tensor, target: Tensor, **_: Any) -> Tensor:
        """The mean absolute difference of an output that lies above its target, but for a constant."""
        self._attempt("loss")
        return torch.dot(output, self._shares[len(output)])

    def _attempt(self, operation: str) -> None:
        if operation not in self._run.situation.fallible:
            return
        failures = self._run.situation.failures
        self._attempts += 1
        if failures[(self._attempts - 1) % len(failures)] == "1":
            raise OutOfMemory("CUDA out of memory")

    # Where it is

    def _enter(self, loop: int) -> None:
        self._loops[loop] = (self._loops.get(loop, (0, 0))[0] + 1, 0)

    def _turn(self, loop: int) -> None:
        entry, number = self._loops[loop]
        if number == MOST_TURNS:
            raise JudgeError(f"the loop in line {loop} does not end")
        self._loops[loop] = (entry, number + 1)

    def _turns(self, place: Place) -> tuple[Turn, ...]:
        return tuple(Turn(loop, *self._loops[loop]) for loop in self._program.loops_around(place))

    # What it does

    def on_optimizer(self, optimizer: Optimizer) -> None:
        self._kept.append(optimizer)
        self._optimizers[id(optimizer)] = len(self._optimizers)
        for parameter in parameters_of(optimizer):
            if id(parameter) not in self._numbers:
                self._numbers[id(parameter)] = len(self._parameters)
                self._parameters.append(parameter)
                self._held.append(self._contents(parameter))
        self._hooks.know(self._parameters)

    def on_backward(self, place: Place, root: Tensor, run: Callable[[Tensor | None], None]) -> None:
        self._attempt("backward")
        number = self._backwards
        if number == (SHIFT if self._scales else MOST_BACKWARDS):
            raise JudgeError("more backwards than a float64 has digits")
        self._backwards += 1
        run(self._seeds[number])
        reached = set()
        for index, parameter in enumerate(self._parameters):
            held, now = self._held[index], self._contents(parameter)
            if now == held | {(index, number)}:
                reached.add(index)
            elif now != held:
                raise JudgeError(f"backward {number} turned {sorted(held)} into {sorted(now)}")
            self._held[index] = now
        self._add(Backward(len(self._run.events), place, self._turns(place), number, frozenset(reached)))

    def on_clear(self, place: Place, parameters: list[Tensor], run: Callable[[], None]) -> None:
        self._attempt("clear")
        run()
        numbers: set[int] = set()
        discarded: set[tuple[int, int]] = set()
        for parameter in parameters:
            index = self._numbers.get(id(parameter))
            if index is not None:
                numbers.add(index)
                now = self._contents(parameter)
                discarded |= self._held[index] - now
                self._held[index] = now
        clear = Clear(len(self._run.events), place, self._turns(place), frozenset(numbers), frozenset(discarded))
        self._add(clear)

    def on_write(self, place: Place, parameter: Tensor, run: Callable[[], None]) -> None:
        raise JudgeError(f"line {place[0]} writes a gradient by hand")

    def before_step(self, place: Place, optimizer: Optimizer) -> None:
        self._attempt("step")
        self._steps.append((optimizer, self._weights(optimizer)))

    def after_step(self, place: Place, optimizer: Optimizer) -> None:
        started, weights = self._steps.pop()
        if started is not optimizer:
            raise JudgeError(f"the step in line {place[0]} ends another one")
        parameters = parameters_of(optimizer)
        contents = frozenset().union(*map(self._contents, parameters))
        moved = self._weights(optimizer) != weights
        if moved != bool(contents) and (moved or not self._scales):
            raise JudgeError(f"the step in line {place[0]} {'moved' if moved else 'did not move'} the weights")
        stale = frozenset(contents & self._run.applied)
        numbers = frozenset(self._numbers[id(parameter)] for parameter in parameters)
        event = Step(
            len(self._run.events),
            place,
            self._turns(place),
            self._optimizers[id(optimizer)],
            numbers,
            contents - stale,
            stale,
            self._through is optimizer,
            any(map(self._is_scaled, parameters)),
        )
        self._run.applied |= contents
        self._add(event)

    def _add(self, event: Event) -> None:
        if not event.place:
            raise JudgeError("something happened outside the program")
        self._run.events.append(event)

    # Scaling, clipping and schedules

    def on_clip(self, place: Place, parameters: list[Tensor]) -> None:
        """Clips are seen and not made, so that the digits stay what they are."""
        contents = frozenset().union(*map(self._contents, parameters))
        numbers = frozenset(self._numbers[id(parameter)] for parameter in parameters)
        scaled, applied = any(map(self._is_scaled, parameters)), bool(contents) and contents <= self._run.applied
        self._add(Clip(len(self._run.events), place, self._turns(place), numbers, contents, scaled, applied))

    def on_scaler(self, place: Place, method: str, scaler: Any, optimizer: Optimizer | None, run: Callable[[], Any]) -> Any:
        self._through = optimizer if method == "step" else None
        if method == "update":
            self._add(Update(len(self._run.events), place, self._turns(place)))
        try:
            return run()
        except (RuntimeError, AssertionError) as error:
            if isinstance(error, JudgeError):
                raise
            self._refused(place, method, scaler, optimizer, str(error), run)
        finally:
            self._through = None
            for parameter in self._parameters:
                self._held[self._numbers[id(parameter)]] = self._contents(parameter)

    def _refused(
        self, place: Place, method: str, scaler: Any, optimizer: Optimizer | None, message: str, run: Callable[[], Any]
    ) -> None:
        """Note down the error, and do what the call would have done in its place."""
        empty = optimizer is not None and not any(map(self._contents, parameters_of(optimizer)))
        if method == "step" and optimizer is not None and empty:
            self.before_step(place, optimizer)
            self.after_step(place, optimizer)
            return
        self._add(Refusal(len(self._run.events), place, self._turns(place), method, message))
        if method == "update":
            scaler._per_optimizer_states.clear()
        if method == "step" and optimizer is not None:
            scaler._per_optimizer_states.pop(id(optimizer), None)
            if scaler._scale is None:
                optimizer.step()
            else:
                run()

    def on_schedule(self, place: Place, scheduler: Any) -> None:
        number = self._schedulers.setdefault(id(scheduler), len(self._schedulers))
        optimizer = self._optimizers[id(scheduler.optimizer)]
        self._add(Schedule(len(self._run.events), place, self._turns(place), number, optimizer))

    # What the numbers say

    @staticmethod
    def _weights(optimizer: Optimizer) -> list[float]:
        return [weight for parameter in parameters_of(optimizer) for weight in parameter.tolist()]

    def _contents(self, parameter: Tensor) -> frozenset[tuple[int, int]]:
        """The backwards in the gradient of `parameter`, read off its base-4 digits."""
        gradient = gradient_of(parameter)
        if gradient is None:
            return frozenset()
        values = gradient.tolist()
        first = values[0]
        if self._scales:
            return _shifted(self._numbers[id(parameter)], first)
        if not first.is_integer() or values[1:] not in ([], [first * 3]):
            raise JudgeError(f"the gradient {values} is no sum of this program's backwards")
        return _digits(self._numbers[id(parameter)], first)

    def _is_scaled(self, parameter: Tensor) -> bool:
        """Whether something in its gradient is multiplied by the loss scale."""
        gradient = gradient_of(parameter)
        return self._scales and gradient is not None and int(gradient.tolist()[0]) >= 4**SHIFT


@cache
def _digits(parameter: int, number: float) -> frozenset[tuple[int, int]]:
    """(parameter, place) for every base-4 digit of the whole `number` that is not zero."""
    return frozenset((parameter, place) for place in range(MOST_BACKWARDS + 1) if int(number) >> 2 * place & 3)


@cache
def _shifted(parameter: int, number: float) -> frozenset[tuple[int, int]]:
    """The same where a gradient scaler moves the digits, whatever number of times."""
    whole = int(number * 4.0 ** (2 * SHIFT))
    return frozenset((parameter, place % SHIFT) for place in range(4 * SHIFT) if whole >> 2 * place & 3)
