"""What a script sets on modules and optimizers, where nothing looks at it or where it replaces a method."""

from __future__ import annotations

from typing import Any

import torch

from ..observation import SwitchSeen
from .chain import Chain
from .claims import Claims
from .graph import history, leaves
from .ledger import Ledger
from .modules import modules as modules_of

_METHODS = ("train", "eval")
_OPTIONS = ("lr", "learning_rate", "momentum", "weight_decay", "betas", "eps")


def overwritten(modules: list[tuple[Any, str]]) -> list[SwitchSeen]:
    """Methods of modules that a value replaces, and the flag of a mode that was set without its parts."""
    found = []
    for module, label in modules:
        own = vars(module)
        found += [
            SwitchSeen(name, bool(own[name]), label, None, True) for name in _METHODS if name in own and not callable(own[name])
        ]
        inner = {each.training for each in modules_of(module) if each is not module}
        if inner == {not module.training}:
            found.append(SwitchSeen("training", module.training, label, None, True))
    return found


def strays(optimizer: Any) -> list[str]:
    """Numbers set on an optimizer of torch itself, which keeps its own in its groups."""
    if not type(optimizer).__module__.startswith("torch.optim"):
        return []
    return [name for name in _OPTIONS if name in vars(optimizer)]


def options(optimizer: Any) -> dict[str, list[float]]:
    """The numbers in the groups of an optimizer, by their name."""
    found: dict[str, list[float]] = {}
    for group in optimizer.param_groups:
        for name, value in group.items():
            values = value if isinstance(value, (list, tuple)) and name != "params" else [value]
            numbers = [float(each) for each in values if isinstance(each, (int, float)) and not isinstance(each, bool)]
            if numbers and len(numbers) == len(values):
                found.setdefault(str(name), []).extend(numbers)
    return found


def optimizers_of(owner: Any) -> list[Any]:
    """The optimizers that an object keeps."""
    return [each for each in getattr(owner, "__dict__", {}).values() if isinstance(each, torch.optim.Optimizer)]


def lost_parameters(modules: list[tuple[Any, str]], ledger: Ledger, chain: Chain, claims: Claims) -> None:
    """Attributes that were computed from a parameter which no module holds."""
    for module, label in modules:
        for inner in modules_of(module):
            for name, value in vars(inner).items():
                made = history(value) if isinstance(value, torch.Tensor) else None
                if made is None:
                    continue
                roots = leaves([value], 64)
                loose = [each for each in roots if isinstance(each, torch.nn.Parameter) and id(each) not in ledger.owners]
                if loose and len(loose) == len(roots):
                    text = f"saw `{label}.{name}` computed once from a parameter that no module holds"
                    claims.say("TRN313", True, text, chain.place_of(made))
