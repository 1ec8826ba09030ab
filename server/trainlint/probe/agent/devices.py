"""A script written for an accelerator, run on the processor: what asks for a device gets the CPU."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from .tensors import free_bytes

_ACCELERATORS = ("cuda", "mps", "xpu", "hip", "npu", "hpu")


class OnlyCpu(TorchFunctionMode):  # type: ignore[misc]
    """Rewrites every device in the arguments of torch's functions."""

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        name = getattr(func, "__name__", "")
        kwargs = {key: _cpu(key, value) for key, value in (kwargs or {}).items()}
        if name in ("cuda", "mps", "xpu", "hip"):
            return args[0]
        if name in ("to", "type", "_to"):
            args = (args[0], *(_cpu("device", value) for value in args[1:]))
        return func(*args, **kwargs)


def _cpu(key: str, value: Any) -> Any:
    if isinstance(value, torch.device) and value.type in _ACCELERATORS:
        return torch.device("cpu")
    if key in ("device", "map_location"):
        if isinstance(value, str) and value.split(":")[0] in _ACCELERATORS:
            return "cpu"
        if isinstance(value, int) and not isinstance(value, bool) and key == "device":
            return torch.device("cpu")
    if key == "pin_memory":
        return False
    if isinstance(value, str) and value.startswith("torch.cuda."):
        return value.replace("torch.cuda.", "torch.")
    return value


class _Moment:
    """An event or a stream of a device: everything that it is asked for has happened already."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def query(self) -> bool:
        return True

    def elapsed_time(self, other: Any) -> float:
        return 0.0

    def record_event(self, event: Any = None) -> Any:
        return event or _Moment()

    def _nothing(self, *args: Any, **kwargs: Any) -> None:
        return None

    record = synchronize = wait = wait_event = wait_stream = _nothing


class _Generators(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, _GENERATOR)


class _Generator(metaclass=_Generators):
    def __new__(cls, device: Any = "cpu") -> Any:
        return _GENERATOR()


_GENERATOR = torch.Generator

_NOTHING = (
    "set_device", "synchronize", "init", "empty_cache", "ipc_collect", "set_per_process_memory_fraction", "set_rng_state",
    "set_rng_state_all", "set_stream", "reset_peak_memory_stats", "reset_max_memory_allocated", "reset_max_memory_cached",
    "reset_accumulated_memory_stats",
)  # fmt: skip
_NUMBERS = (
    "memory_allocated",
    "max_memory_allocated",
    "memory_reserved",
    "max_memory_reserved",
    "device_count",
    "current_device",
)
_KINDS = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")


def only_cpu() -> None:
    """From here on, for the rest of the process, tensors asked for on an accelerator are made on the CPU."""
    OnlyCpu().__enter__()
    _nothing_to_wait_for(torch.cuda)
    module: Any = torch.nn.Module
    tensor: Any = torch.Tensor
    tensor.cuda = tensor.pin_memory = lambda each, *args, **kwargs: each
    module.cuda = lambda each, device=None: each
    to, set_type, load = module.to, torch.set_default_tensor_type, torch.load
    module.to = lambda each, *args, **kwargs: to(
        each,
        *(_cpu("device", value) for value in args),
        **{key: _cpu(key, value) for key, value in kwargs.items()},
    )
    if hasattr(torch.backends, "mps"):
        torch.backends.mps.is_available = lambda: False
    torch.set_default_tensor_type = lambda kind: set_type(_cpu("type", kind))
    torch.load = lambda file, map_location=None, *args, **kwargs: load(file, "cpu", *args, **kwargs)
    torch.Generator = _Generator


def _nothing_to_wait_for(cuda: Any) -> None:
    """What scripts ask of CUDA itself, answered as by a device that is always ready and never used."""
    for name in _NOTHING:
        setattr(cuda, name, lambda *args, **kwargs: None)
    for name in _NUMBERS:
        setattr(cuda, name, lambda *args, **kwargs: 0)
    for name in _KINDS:
        setattr(cuda, f"{name}Tensor", getattr(torch, f"{name}Tensor"))
    memory = free_bytes(torch.device("cpu"))
    cuda.is_available = lambda: False
    cuda.get_device_name = lambda device=None: "cpu"
    cuda.get_device_capability = lambda device=None: (0, 0)
    cuda.get_device_properties = lambda device=None: SimpleNamespace(
        name="cpu", total_memory=memory, major=0, minor=0, multi_processor_count=1
    )
    cuda.mem_get_info = lambda device=None: (memory, memory)
    cuda.memory_stats = lambda device=None: {}
    cuda.memory_summary = lambda *args, **kwargs: ""
    cuda.get_rng_state = lambda device=None: torch.get_rng_state()
    cuda.get_rng_state_all = lambda: []
    cuda.Event = cuda.Stream = _Moment
    cuda.current_stream = cuda.default_stream = _Moment
    cuda.device = cuda.device_of = cuda.stream = lambda *args, **kwargs: contextlib.nullcontext()
    cuda.make_graphed_callables = lambda callables, *args, **kwargs: callables
    for name in ("range_push", "range_pop", "mark"):
        setattr(cuda.nvtx, name, lambda *args, **kwargs: None)
    cuda.nvtx.range = lambda *args, **kwargs: contextlib.nullcontext()
