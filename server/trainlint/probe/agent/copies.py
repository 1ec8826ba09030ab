"""What a step would have done otherwise, worked out on copies.

A step is repeated on a copy of the optimizer, its state and its weights: with a zero gradient, to tell
learning from decay and momentum; without decay, to tell those two apart; in double precision, to tell what
rounding swallowed.
"""

from __future__ import annotations

import copy
import inspect
from collections import OrderedDict
from typing import Any, Callable, Iterator

import torch

from .tensors import free_bytes, random_state, size_bytes

DECAYS = ("weight_decay", "lambd")
"""Options of optimizers that pull weights towards zero whatever the gradient; `lambd` is ASGD's."""

_NOT_COPIED = ("step", "zero_grad", "add_param_group", "state_dict", "load_state_dict")


def parameters_of(optimizer: Any) -> Iterator[Any]:
    for group in optimizer.param_groups:
        yield from group["params"]


class StepCopy:
    """An optimizer, its state and its weights as they were before a step.

    Raises whatever copying raises: some optimizers hold what cannot be copied.
    """

    def __init__(self, optimizer: Any) -> None:
        self._restore = random_state()
        self.weights: dict[int, Any] = {id(p): _weight(p) for p in parameters_of(optimizer)}
        self._optimizer = _clone(optimizer, dict(self.weights))
        self._step = _plain_step(type(optimizer))

    def result(
        self,
        gradients: dict[int, Any],
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        closure_value: Any,
        *,
        decay: bool = True,
        double: bool = False,
    ) -> dict[int, Any]:
        """The weights after this step with other gradients, by the identity of the original parameter.

        `gradients` maps the same identities to gradients; the random state of the process is kept.
        """
        restore_now = random_state()
        weights = {key: _weight(value, double) for key, value in self.weights.items()}
        for key, gradient in gradients.items():
            weights[key].grad = gradient.to(weights[key].dtype) if double else gradient
        optimizer = _clone(self._optimizer, {id(self.weights[key]): weights[key] for key in weights})
        if double:
            _double_state(optimizer)
        if not decay:
            for group in optimizer.param_groups:
                group.update((name, 0.0) for name in DECAYS if name in group)
        for name in ("grad_scale", "found_inf"):
            optimizer.__dict__.pop(name, None)

        def closure() -> Any:
            return closure_value

        arguments = tuple(closure if callable(value) else value for value in arguments)
        keywords = {key: closure if callable(value) else value for key, value in keywords.items()}
        try:
            self._restore()
            self._step(optimizer, *arguments, **keywords)
        finally:
            restore_now()
        return {key: weight.detach() for key, weight in weights.items()}


def fits(optimizer: Any) -> bool:
    """Whether two more copies of weights, gradients and state leave half of the free memory."""
    tensors = list(parameters_of(optimizer))
    for state in list(optimizer.state.values()):
        if isinstance(state, dict):
            tensors.extend(value for value in state.values() if isinstance(value, torch.Tensor))
    devices: dict[Any, list[Any]] = {}
    for tensor in tensors:
        devices.setdefault(tensor.device, []).append(tensor)
    return all(size_bytes(group) * 4 < free_bytes(device) for device, group in devices.items())


def _weight(parameter: Any, double: bool = False) -> Any:
    value = parameter.detach().clone()
    if double and value.is_floating_point():
        value = value.double()
    if isinstance(parameter, torch.nn.Parameter):
        value = torch.nn.Parameter(value, requires_grad=parameter.requires_grad)
    else:
        value.requires_grad_(parameter.requires_grad)
    value.__dict__.update(parameter.__dict__)
    return value


def _clone(optimizer: Any, memo: dict[int, Any]) -> Any:
    """A copy of an optimizer that holds the weights in `memo`; hooks and bound methods stay behind."""
    clone = object.__new__(type(optimizer))
    for name, value in vars(optimizer).items():
        if name.endswith("_hooks"):
            clone.__dict__[name] = OrderedDict()
        elif name not in _NOT_COPIED and not inspect.isroutine(value):
            clone.__dict__[name] = copy.deepcopy(value, memo)
    return clone


def _plain_step(kind: type) -> Callable[..., Any]:
    """The class's own `step`, without the wrapper that calls global hooks."""
    step: Any = kind.step  # type: ignore[attr-defined]
    return step.__wrapped__ if getattr(step, "hooked", False) else step  # type: ignore[no-any-return]


def _double_state(optimizer: Any) -> None:
    for state in optimizer.state.values():
        if isinstance(state, dict):
            for key, value in state.items():
                if isinstance(value, torch.Tensor) and value.is_floating_point():
                    state[key] = value.double()
