"""A script written for an accelerator, run on the processor: what asks for a device gets the CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

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
    if isinstance(value, str) and value.startswith("torch.cuda."):
        return value.replace("torch.cuda.", "torch.")
    return value


def only_cpu() -> None:
    """From here on, for the rest of the process, tensors asked for on an accelerator are made on the CPU."""
    OnlyCpu().__enter__()
    cuda: Any = torch.cuda
    cuda.is_available = lambda: False
    cuda.device_count = lambda: 0
    cuda.set_device = lambda device: None
    cuda.current_device = lambda: 0
    cuda.synchronize = lambda device=None: None
    cuda.get_device_name = lambda device=None: "cpu"
    for name in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"):
        setattr(cuda, f"{name}Tensor", getattr(torch, f"{name}Tensor"))
    torch.Tensor.cuda = lambda tensor, *args, **kwargs: tensor
    torch.nn.Module.cuda = lambda module, device=None: module
    to = torch.nn.Module.to
    torch.nn.Module.to = lambda module, *args, **kwargs: to(
        module,
        *(_cpu("device", value) for value in args),
        **{key: _cpu(key, value) for key, value in kwargs.items()},
    )
    if hasattr(torch.backends, "mps"):
        torch.backends.mps.is_available = lambda: False
    set_type = torch.set_default_tensor_type
    torch.set_default_tensor_type = lambda kind: set_type(_cpu("type", kind))
