"""Measuring tensors without touching them: copies, differences, norms, fingerprints."""

from __future__ import annotations

import math
import random
import sys
from typing import Any, Callable

import torch
import torch.utils._python_dispatch

_COMPILERS = ("torch._subclasses", "torch.fx", "torch._functorch", "torch._dynamo")


def stash(tensor: Any) -> Any:
    """A copy of the values in main memory, so that watching a model takes no memory of its device."""
    return local(tensor).to("cpu", copy=True)


def beside(copy: Any, tensor: Any) -> Any:
    """A stashed copy on the device of `tensor`."""
    return copy.to(tensor.device)


def local(tensor: Any) -> Any:
    """The values without their graph; of a distributed tensor those that lie in this process."""
    value = tensor.detach()
    return value._local_tensor if hasattr(value, "_local_tensor") else value


def dense(tensor: Any) -> Any:
    value = local(tensor)
    return value.to_dense() if value.is_sparse else value


def differs(left: Any, right: Any) -> Any:
    """Element by element, whether two tensors differ; two NaN are the same."""
    mask = left != right
    if left.is_floating_point() or left.is_complex():
        mask &= ~(torch.isnan(left) & torch.isnan(right))
    return mask


def count(mask: Any) -> int:
    return int(mask.sum().item())


def measurable(tensor: Any) -> bool:
    """Whether values can be compared: real storage, initialised, an ordinary layout."""
    return (
        type(tensor).__module__.split(".")[0] == "torch"
        and not isinstance(tensor, torch.nn.parameter.UninitializedTensorMixin)
        and tensor.layout == torch.strided
        and tensor.device.type != "meta"
        and _in_memory(local(tensor))
    )


def _in_memory(value: Any) -> bool:
    """Whether the elements are there: sharding frees the storage of what it has gathered and leaves the tensor."""
    if type(value) not in (torch.Tensor, torch.nn.Parameter):
        return True
    return bool(value.numel() == 0 or value.untyped_storage().size() > 0)


def has_values(value: Any) -> bool:
    """Whether something is a tensor whose elements can be read here and now."""
    return (
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.device.type != "meta"
        and not hasattr(value, "_local_tensor")
        and _in_memory(value)
    )


def norm(tensor: Any) -> float | None:
    """The Euclidean norm in double precision, None where it is not finite."""
    value = _where_double_exists(dense(tensor))
    kind = torch.complex128 if value.is_complex() else torch.float64
    length = float(torch.linalg.vector_norm(value.reshape(-1).to(kind)).item())
    return length if math.isfinite(length) else None


def _where_double_exists(value: Any) -> Any:
    """The tensor itself, or a copy in main memory: Apple's devices have no double precision."""
    return value.cpu() if value.device.type == "mps" else value


def fingerprint(gradient: Any) -> tuple[float, float] | None:
    """Two sums that tell whether a gradient is still the one that was seen; None for a gradient of zeros."""
    value = _where_double_exists(dense(gradient))
    if value.is_complex():
        value = torch.view_as_real(value)
    value = value.double()
    size = float(value.abs().sum().item())
    return None if size == 0 else (size, float((value * value.abs()).sum().item()))


def scalar(value: Any) -> float | None:
    """The number in a one-element tensor."""
    if isinstance(value, torch.Tensor):
        if value.numel() != 1 or value.is_complex() or value.device.type == "meta":
            return None
        return float(value.detach().item())
    return float(value) if isinstance(value, (int, float)) else None


def random_state() -> Callable[[], None]:
    """Remember every global random state that exists; the answer puts them back."""
    state = random.getstate()
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy is not None and hasattr(numpy, "random") else None
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None

    def restore() -> None:
        random.setstate(state)
        if numpy_state is not None:
            sys.modules["numpy"].random.set_state(numpy_state)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)

    return restore


def tracing() -> bool:
    """Whether a compiler is running the program on tensors without values, one of `torch.func` on tensors that stand for
    several, or a CUDA graph records it: reading a value would spoil the recording.
    """
    if torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing():
        return True
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return True
    modes = torch.utils._python_dispatch._get_current_dispatch_mode_stack()
    return any(type(mode).__module__.startswith(_COMPILERS) for mode in modes)


def free_bytes(device: Any) -> int:
    """How much memory of a device is free, as far as that can be asked; what torch keeps for later counts as free."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + kept)
    try:
        with open("/proc/meminfo", "rb") as stream:
            for line in stream:
                if line.startswith(b"MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 1 << 33


def size_bytes(tensors: list[Any]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
