"""`trainlint.assert_learns`, as a user's test calls it."""

from __future__ import annotations

import pytest
import torch
import trainlint
from torch import nn
from torch.nn import functional as F


class Task:
    """A small network, a layer beside it, and a step that trains the network."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        self.side = nn.Linear(2, 2)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)

    def step(self) -> None:
        self.optimizer.zero_grad()
        F.cross_entropy(self.net(torch.randn(8, 4)), torch.randint(0, 2, (8,))).backward()
        self.optimizer.step()


def test_a_step_that_teaches_everything_passes() -> None:
    task = Task()
    trainlint.assert_learns(task.step)
    with trainlint.assert_learns(task.net):
        task.step()
    with trainlint.assert_learns(task.net, task.optimizer):
        task.step()


def test_what_did_not_learn_is_named() -> None:
    task = Task()
    model, side = task.net, task.side
    with pytest.raises(AssertionError, match=r"`side.weight` and `side.bias` did not learn") as caught:  # noqa: SIM117
        with trainlint.assert_learns([model, side]):
            task.step()
    assert "in-no-optimizer" in str(caught.value)


def test_a_function_whose_step_applies_nothing_fails() -> None:
    task = Task()

    def step() -> None:
        F.cross_entropy(task.net(torch.randn(8, 4)), torch.randint(0, 2, (8,))).backward()
        task.optimizer.zero_grad()
        task.optimizer.step()

    with pytest.raises(AssertionError, match="TRN103"):
        trainlint.assert_learns(step)


def test_no_step_and_nothing_to_train_are_failures_too() -> None:
    task = Task()
    with pytest.raises(AssertionError, match="did not learn"), trainlint.assert_learns(task.net):
        pass
    task.net.requires_grad_(False)
    with pytest.raises(AssertionError, match="No parameter requires a gradient"), trainlint.assert_learns(task.net):
        pass


def test_an_error_of_the_step_itself_comes_through_and_nothing_is_left() -> None:
    backward, init = torch.autograd.backward, torch.optim.Optimizer.__init__
    task = Task()
    with pytest.raises(ZeroDivisionError), trainlint.assert_learns(task.net):
        raise ZeroDivisionError
    assert torch.autograd.backward is backward
    assert torch.optim.Optimizer.__init__ is init
    assert torch._C._len_torch_function_stack() == 0
