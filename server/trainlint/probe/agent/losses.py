"""What classification and regression losses are given, against what they expect."""

from __future__ import annotations

from typing import Any, Callable

import torch

from ..observation import LossSeen
from .places import here
from .tensors import has_values

_KEPT = 32

_SAME_VALUES = (
    "View", "UnsafeView", "Reshape", "ReshapeAlias", "Squeeze", "Unsqueeze", "Transpose", "T", "Permute", "Select",
    "Slice", "Alias", "Clone", "ToCopy", "Index", "Expand", "Contiguous",
)  # fmt: skip
"""Nodes that hand the values on as they are, in another shape."""

_TOLERANCE = 1e-3
"""How far probabilities may be from summing to one: half precision has three decimals."""

_EXACT = 1e-5
"""How far sums of probabilities in single precision are from one, where nothing but the sums tells what they are."""

_MANY = 16
"""Numbers whose sums are one by chance are fewer."""


class Losses:
    """Calls of loss functions, each place once; `place_of` answers where a node of a graph was made."""

    def __init__(self) -> None:
        self.seen: list[LossSeen] = []
        self.place_of: Callable[[Any], Any] = lambda node: None
        self._places: dict[tuple[str, int, str], LossSeen] = {}

    def call(self, name: str, args: Any, kwargs: Any) -> None:
        examine = _EXAMINE.get(name)
        values = args[0] if args else kwargs.get("input")
        target = args[1] if len(args) > 1 else kwargs.get("target")
        if examine is None or not has_values(values) or not has_values(target):
            return
        place = here()
        if place is None or values.numel() == 0:
            return
        key = (place.path, place.line, name)
        known = self._places.get(key)
        if known is None:
            if len(self.seen) >= _KEPT:
                return
            known = self._places[key] = LossSeen(place, name)
            self.seen.append(known)
            known.fits, misfits = examine(values, target)
        else:
            fits, misfits = examine(values, target)
            known.fits = [code for code in known.fits if code in fits]
        told = [each[0] for each in known.misfits]
        known.misfits += [list(each) for each in misfits if each[0] not in told]


def _cross_entropy(values: Any, target: Any) -> Any:
    if values.dim() < 2:
        return [], []
    made = _made_by(values)
    one = int(values.shape[1]) == 1
    if made == "Softmax" and _are_probabilities(values, 1):
        return [], [("TRN501", "it is given probabilities, the output of a softmax, and takes the softmax of them again")]
    if values.requires_grad and not one and values.numel() >= _MANY and _are_probabilities(values, 1, _EXACT):
        return [], [("TRN501", "it is given probabilities, whose sum is one, and takes the softmax of them again")]
    fits = [] if one or _are_probabilities(values, 1) else ["TRN501"]
    return [*fits, *([] if one else ["TRN505"])], _over_samples(values)


def _nll(values: Any, target: Any) -> Any:
    if values.dim() < 2:
        return [], []
    detached = values.detach().double()
    if not bool(torch.isfinite(detached).all()):
        return [], []
    sums = torch.logsumexp(detached, 1)
    if bool((sums.abs() < 0.05).all()):
        return ["TRN503", "TRN508"], []
    if bool((detached > _TOLERANCE).any()) and bool((sums.abs() > 0.05).all()):
        kind = "probabilities" if _are_probabilities(values, 1) else "raw scores"
        return [], [("TRN503", f"it is given {kind}, where it expects the logarithm of probabilities")]
    return [], _over_samples(values)


def _over_samples(values: Any) -> list[tuple[str, str]]:
    """Whether a softmax over a batch of rows ran along the samples."""
    node = values.grad_fn
    dim = getattr(node, "_saved_dim", None)
    if values.dim() != 2 or values.shape[0] < 2 or node is None or "Softmax" not in str(node.name()) or dim != 0:
        return []
    return [("TRN508", "the softmax before it runs along the samples of the batch, not along the classes")]


def _bce_with_logits(values: Any, target: Any) -> Any:
    if _made_by(values) == "Sigmoid":
        return [], [("TRN502", "it is given the output of a sigmoid, and takes the sigmoid of that again")]
    outside = bool(((values.detach() < 0) | (values.detach() > 1)).any())
    return (["TRN502"] if outside else []), []


def _bce(values: Any, target: Any) -> Any:
    return (["TRN504"] if _made_by(values) in ("Sigmoid", "Softmax", "Clamp") else []), []


def _kl_div(values: Any, target: Any) -> Any:
    detached = values.detach()
    if bool((detached > _TOLERANCE).any()):
        return [], [("TRN509", "its first argument holds positive values, which no logarithm of a probability is")]
    logarithms = bool((detached <= 0).all()) and bool((detached < -_TOLERANCE).any())
    return (["TRN509"] if logarithms and bool((target.detach() >= 0).all()) else []), []


def _elementwise(values: Any, target: Any) -> Any:
    mine, other = tuple(values.shape), tuple(target.shape)
    if mine == other:
        return ["TRN506"], []
    try:
        both = tuple(torch.broadcast_shapes(mine, other))
    except RuntimeError:
        return [], []
    if torch.Size(both).numel() > max(values.numel(), target.numel()):
        return [], [("TRN506", f"{list(mine)} against {list(other)} compares every prediction with every target")]
    return [], []


_EXAMINE: dict[str, Callable[[Any, Any], Any]] = {
    "cross_entropy": _cross_entropy,
    "nll_loss": _nll,
    "binary_cross_entropy_with_logits": _bce_with_logits,
    "binary_cross_entropy": _bce,
    "kl_div": _kl_div,
    "mse_loss": _elementwise,
    "l1_loss": _elementwise,
    "smooth_l1_loss": _elementwise,
    "huber_loss": _elementwise,
}


def _made_by(tensor: Any) -> str:
    """The operation that made the values, as autograd names it, through others that only reshape them."""
    node = tensor.grad_fn
    while node is not None:
        name = str(node.name()).partition("Backward")[0]
        if name not in _SAME_VALUES:
            return name
        node = node.next_functions[0][0] if node.next_functions else None
    return ""


def _are_probabilities(values: Any, dim: int, tolerance: float = _TOLERANCE * 10) -> bool:
    detached = values.detach().double()
    inside = bool(((detached >= 0) & (detached <= 1)).all())
    return inside and bool(((detached.sum(dim) - 1).abs() < tolerance).all())
