"""All tables as one: look-up by qualified name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

from ..things import Role
from .accelerate import ACCELERATE
from .deepspeed import DEEPSPEED
from .torch import TORCH
from .vocabulary import Framework, Meaning, RateRange

TABLES: tuple[Framework, ...] = (TORCH, ACCELERATE, DEEPSPEED)

PACKAGES = frozenset().union(*(table.packages for table in TABLES))
READING_METHODS = frozenset().union(*(table.reading_methods for table in TABLES))

# Libraries whose training words look like PyTorch's and mean something else.
LOOK_ALIKES = frozenset(
    {"paddle", "oneflow", "mindspore", "chainer", "mxnet", "tinygrad", "jittor", "nnabla", "autograd", "mlx", "needle", "singa",
     "megengine", "tensorlayerx", "tensorflow", "keras", "jax"}
)  # fmt: skip

_MAKES = {key: role for table in TABLES for key, role in table.makes.items()}
_CALLS = {key: meaning for table in TABLES for key, meaning in table.calls.items()}
_RATES = {key: rate for table in TABLES for key, rate in table.rates.items()}

Entry = TypeVar("Entry")


def _longest(table: Mapping[str, Entry], name: str) -> tuple[int, Entry | None]:
    """The entry of the longest key that covers `name`, and how many of its parts the key names."""
    if name in table:
        return name.count(".") + 2, table[name]
    prefix = name
    while "." in prefix:
        prefix = prefix.rpartition(".")[0]
        if (entry := table.get(prefix + ".*")) is not None:
            return prefix.count(".") + 1, entry
    return 0, None


@lru_cache(maxsize=4096)
def maker(name: str) -> Role | None:
    """The role of what calling `name` creates. Only classes create: the last part starts with a capital."""
    depth, role = _longest(_MAKES, name)
    if role is None:
        return None
    call_depth, _ = _longest(_CALLS, name)
    last = name.rpartition(".")[2]
    if call_depth > depth or (name not in _MAKES and not last[:1].isupper() and not name.startswith("torchvision.models")):
        return None
    return role


@lru_cache(maxsize=4096)
def meaning(name: str) -> Meaning | None:
    """What calling `name` does, where a table says."""
    return _longest(_CALLS, name)[1]


def rate_range(class_name: str) -> RateRange | None:
    return _RATES.get(class_name)


__all__ = [
    "LOOK_ALIKES", "PACKAGES", "READING_METHODS", "TABLES", "Framework", "Meaning", "RateRange", "Role", "maker", "meaning",
    "rate_range",
]  # fmt: skip
