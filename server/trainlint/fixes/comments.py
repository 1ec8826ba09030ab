"""What a comment in a training loop speaks of, so that a call that is put in comes to stand where it is true."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..program.naming import names_scheduler

_CLEARS = frozenset({"zero", "zeros", "zeroing", "zerograd", "clear", "clears", "clearing", "reset", "resets", "resetting"})
_DIFFERENTIATES = frozenset(
    {"backward", "backwards", "backprop", "backprops", "backpropagate", "backpropagates", "backpropagating", "backpropagation",
     "bp", "differentiate", "derivatives"}
)  # fmt: skip
_STEPS = frozenset(
    {"step", "steps", "stepping", "update", "updates", "updating", "optimize", "optimise", "optimizes", "optimization", "apply",
     "descent"}
)  # fmt: skip
_CALLS = re.compile(r"(?P<receiver>[\w.\[\]]*)\.(?P<call>zero_grad|backward|step)\(")
_KINDS = {"zero_grad": "clear", "backward": "backward", "step": "step"}


def told(comments: Iterable[str]) -> set[str]:
    """Which of clear, backward and step the words of a comment name."""
    said = set(
        re.findall(r"[a-z]+", " ".join(comments).lower().replace("zero_grad", "zerograd").replace("back prop", "backprop"))
    )
    kinds = (("clear", _CLEARS), ("backward", _DIFFERENTIATES), ("step", _STEPS))
    found = {kind for kind, its in kinds if not said.isdisjoint(its)}
    gradients, others = {"gradient", "gradients", "grads"}, {"clip", "clipping", "norm"} | _CLEARS
    return found if said.isdisjoint(gradients) or not said.isdisjoint(others) else found | {"backward"}


def made(texts: Iterable[str]) -> set[str]:
    """Which of clear, backward and step code does; the step of a schedule is none."""
    found = (match for text in texts for match in _CALLS.finditer(text))
    return {_KINDS[match["call"]] for match in found if match["call"] != "step" or not names_scheduler(match["receiver"])}
