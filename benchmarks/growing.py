"""Training programs of any size, each growing in one direction."""

from __future__ import annotations

from collections.abc import Callable

_HEAD = """\
import torch
from torch import nn

model = nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
_TURN = ("optimizer.zero_grad()", "loss = model(x).sum()", "loss.backward()", "optimizer.step()")


def _indented(depth: int, *lines: str) -> str:
    return "".join(f"{'    ' * depth}{line}\n" for line in lines)


def lines(n: int) -> str:
    """One loop whose body computes ever more."""
    more = [f"y{i} = torch.relu(x + {i}).mean()" for i in range(n)]
    return _HEAD + "for x in loader:\n" + _indented(1, *more, *_TURN)


def functions(n: int) -> str:
    """Functions with a training loop each, that nothing in sight calls."""
    head = "import torch\n"
    body = "".join(f"\n\ndef train{i}(model, optimizer, loader):\n    for x in loader:\n{_indented(2, *_TURN)}" for i in range(n))
    return head + body


def helpers(n: int) -> str:
    """Functions without training, that the loop calls one after the other."""
    body = "".join(f"\n\ndef helper{i}(x):\n    y = x * {i}\n    return torch.relu(y)\n" for i in range(n))
    return _HEAD + body + "\n\nfor x in loader:\n" + _indented(1, *(f"x = helper{i}(x)" for i in range(n)), *_TURN)


def nested(n: int) -> str:
    """Loops inside loops, no more than Python allows."""
    depth = min(n, 18)
    loops = "".join(_indented(level, f"for x{level} in range(count):") for level in range(depth))
    return _HEAD + loops + _indented(depth, "for x in loader:") + _indented(depth + 1, *_TURN)


def carried(n: int) -> str:
    """Loops inside loops, each of which hands a tensor and a sum on to its next turn."""
    depth = min(n, 18)
    before = "".join(f"h{level} = torch.zeros(8)\ntotal{level} = 0.0\n" for level in range(depth))
    loops = "".join(_indented(level, f"for x{level} in range(count):") for level in range(depth))
    after = "".join(
        _indented(level + 1, f"h{level} = torch.tanh(h{level} + model(h{level}))", f"total{level} += loss.item()")
        for level in reversed(range(depth))
    )
    return _HEAD + before + loops + _indented(depth, "for x in loader:") + _indented(depth + 1, *_TURN) + after


def branches(n: int) -> str:
    """Branches in sequence, each on a condition of its own, with something in it that matters."""
    guarded = "".join(_indented(1, f"if args.option{i}:") + _indented(2, "optimizer.zero_grad()") for i in range(n))
    return _HEAD + "for x in loader:\n" + guarded + _indented(1, *_TURN)


def conditions(n: int) -> str:
    """Conditions that are tested twice, so that both tests must agree."""
    first = "".join(_indented(1, f"if args.option{i}:") + _indented(2, "optimizer.zero_grad()") for i in range(n))
    last = "".join(_indented(1, f"if args.option{i}:") + _indented(2, "optimizer.step()") for i in range(n))
    return _HEAD + "for x in loader:\n" + first + _indented(1, *_TURN) + last


def optimizers(n: int) -> str:
    """Models with optimizers of their own, all in one loop."""
    made = "".join(f"net{i} = nn.Linear(8, 1)\nopt{i} = torch.optim.SGD(net{i}.parameters(), lr=0.1)\n" for i in range(n))
    turns = [line for i in range(n) for line in (f"opt{i}.zero_grad()", f"net{i}(x).sum().backward()", f"opt{i}.step()")]
    return _HEAD + made + "for x in loader:\n" + _indented(1, *turns)


def depth(n: int) -> str:
    """A chain of calls that ends in a step."""
    last = f"def call{n}(x):\n{_indented(1, *_TURN)}"
    chain = "".join(f"\n\ndef call{i}(x):\n    call{i + 1}(x)\n" for i in reversed(range(n)))
    return _HEAD + "\n\n" + last + chain + "\n\nfor x in loader:\n    call0(x)\n"


def fan(n: int) -> str:
    """Functions that call the next one twice: written out, they would double at every level."""
    last = f"def call{n}(x):\n    return torch.relu(x)\n"
    chain = "".join(f"\n\ndef call{i}(x):\n    return call{i + 1}(x) + call{i + 1}(-x)\n" for i in reversed(range(n)))
    return _HEAD + "\n\n" + last + chain + "\n\nfor x in loader:\n    x = call0(x)\n" + _indented(1, *_TURN)


GROWING: tuple[Callable[[int], str], ...] = (
    lines, functions, helpers, nested, carried, branches, conditions, optimizers, depth, fan,
)  # fmt: skip
