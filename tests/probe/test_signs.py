"""Whether a loss is a loss function, or minus one, is read off its graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from trainlint.probe.agent.signs import judged_by

CLASSES = torch.tensor([0, 2, 1, 2])
SHARES = torch.full((4, 3), 1 / 3)


def _weights() -> Any:
    return torch.ones(4, 3, requires_grad=True)


@pytest.mark.parametrize(
    ("loss", "function", "turned"),
    [
        (lambda made: F.cross_entropy(made, CLASSES), "cross_entropy", False),
        (lambda made: 1 - F.cross_entropy(made, CLASSES), "cross_entropy", True),
        (lambda made: F.nll_loss(made.log_softmax(1), CLASSES, reduction="none").sum() / -4, "cross_entropy", True),
        (lambda made: F.nll_loss(made, CLASSES) * torch.tensor([-1.0]), "nll_loss", True),
        (lambda made: 0 - (-1 * F.mse_loss(made, SHARES)), "mse_loss", False),
        (lambda made: 0.5 - F.mse_loss(made, SHARES) / 2 + 1, "mse_loss", True),
        (lambda made: F.mse_loss(made, SHARES) - 0.1 * made.square().sum(), "", False),
        (lambda made: -(F.cross_entropy(made, CLASSES, reduction="none") * torch.rand(4)).mean(), "", False),
        (lambda made: F.cross_entropy(made, SHARES), "", False),
        (lambda made: F.cross_entropy(made[:, :1], SHARES[:, :1]), "", False),
        (lambda made: 3 / F.mse_loss(made, SHARES), "", False),
        (lambda made: made, "", False),
    ],
)
def test_the_sign_of_a_loss(loss: Callable[[Any], Any], function: str, turned: bool) -> None:
    name, sign = judged_by(loss(_weights()))
    assert (name, sign if name else False) == (function, turned)
