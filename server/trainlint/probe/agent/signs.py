"""Whether what is differentiated is a loss function, or minus one."""

from __future__ import annotations

from typing import Any

from .tensors import scalar

_FUNCTIONS = {
    "NllLoss": "nll_loss",
    "NllLossNd": "nll_loss",
    "NllLoss2D": "nll_loss",
    "MseLoss": "mse_loss",
    "SmoothL1Loss": "smooth_l1_loss",
    "HuberLoss": "huber_loss",
    "BinaryCrossEntropy": "binary_cross_entropy",
    "BinaryCrossEntropyWithLogits": "binary_cross_entropy_with_logits",
}
"""Operations that end in an error which training makes smaller, as autograd names them, and the functions of torch."""

_AS_IT_IS = ("Mean", "Sum", "Add", "View", "Reshape", "Squeeze", "Unsqueeze", "ToCopy", "Clone", "Alias")
_LONGEST = 16


def judged_by(loss: Any) -> tuple[str, bool]:
    """The loss function that a loss is the value of, times or plus constants, and whether its sign was turned.

    An empty name where it is something else, or a sum of several things.
    """
    node, turned = loss.grad_fn, False
    for _ in range(_LONGEST):
        if node is None:
            break
        name = str(node.name()).partition("Backward")[0]
        if name in _FUNCTIONS:
            following = node.next_functions[0][0] if node.next_functions else None
            entropy = name.startswith("Nll") and following is not None and "LogSoftmax" in str(following.name())
            return "cross_entropy" if entropy else _FUNCTIONS[name], turned
        sign, node = _before(name, node)
        turned ^= sign < 0
    return "", False


def _before(name: str, node: Any) -> tuple[int, Any]:
    """The only node that a node gets its value from, with the sign that it gives to that; None where there are several."""
    position = next((at for at, (each, _) in enumerate(node.next_functions) if each is not None), 0)
    others = [each for each, _ in node.next_functions if each is not None]
    if len(others) != 1:
        return 1, None
    if name == "Neg" or name == "Rsub" or (name == "Sub" and position == 1):
        return -1, others[0]
    if name in ("Mul", "Div") and position < 2:
        factor = _factor(node, "_saved_other" if position == 0 else "_saved_self") if (name, position) != ("Div", 1) else None
        return (1, None) if factor is None else (-1 if factor < 0 else 1, others[0])
    return 1, others[0] if name in (*_AS_IT_IS, "Sub") else None


def _factor(node: Any, name: str) -> float | None:
    """The number that a node multiplies with or divides by; None where it kept none, or several."""
    try:
        return scalar(getattr(node, name, None))
    except RuntimeError:
        return None
