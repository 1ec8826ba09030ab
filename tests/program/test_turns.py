"""How often the body of a loop is lowered: again only where its first turn changes what a later one depends on."""

from __future__ import annotations

import ast
from textwrap import dedent, indent

import pytest
from trainlint.cancel import CancelFlag
from trainlint.program.program import build

HEAD = """\
import torch
from torch import nn

model = nn.Linear(8, 8)
h, total, best, losses = torch.zeros(8), 0.0, 0.0, []
"""


def turns(body: str, name: str = "mse_loss", depth: int = 1) -> list[tuple[int, ...]]:
    """For each time that the operation was computed: the turn of each loop around it."""
    loops = "".join(f"{'    ' * level}for x{level} in loader:\n" for level in range(depth))
    program = build(ast.parse(HEAD + loops + indent(dedent(body), "    " * depth)), CancelFlag())
    return [tuple(turn for _, turn in one.turns) for one in program.operations if one.name == name]


LOSS = "loss = nn.functional.mse_loss(model(x0), x0)\n"


@pytest.mark.parametrize(
    "after",
    [
        "total += loss.item()",
        "losses.append(loss.item())",
        "losses.append(loss)",
        "total += loss.item()\nprint(total / 8)",
        "if len(losses) > 3:\n    total += loss.item()",
        "numbers = [x for x in range(8)]",
        "print(total)\ntotal += loss.item()",
    ],
)
@pytest.mark.parametrize("depth", [1, 3])
def test_numbers_that_are_gathered_or_shown_need_no_second_turn(after: str, depth: int) -> None:
    assert turns(LOSS + after, depth=depth) == [(1,) * depth]


@pytest.mark.parametrize(
    "after",
    [
        "h = h + loss",
        "total += loss",
        "h = torch.stack([*losses, loss]).sum()\nlosses.append(h)",
        "if total > best:\n    best = total\ntotal = loss.item()",
    ],
)
def test_what_a_later_turn_depends_on_needs_one(after: str) -> None:
    assert turns(LOSS + after) == [(1,), (2,)]


def test_a_value_that_is_bound_on_some_paths_only_is_the_one_of_before_on_the_others() -> None:
    assert turns("if x0:\n    h = x0\n" + LOSS + "h = model(h)") == [(1,), (2,)]
    assert turns("if x0:\n    h = x0\nelse:\n    h = -x0\n" + LOSS + "h = model(h)") == [(1,)]


@pytest.mark.parametrize("depth", [2, 4, 8, 16])
def test_loops_in_loops_that_all_hand_something_on_do_not_double_the_work(depth: int) -> None:
    carried = "".join(f"h{level} = model(h{level})\n" for level in range(depth))
    bound = "".join(f"h{level} = torch.zeros(8)\n" for level in range(depth))
    program = build(ast.parse(HEAD + bound + _nest(depth, carried + "nn.functional.mse_loss(h, h)")), CancelFlag())
    assert program.complete
    assert sum(one.name == "mse_loss" for one in program.operations) <= depth * (depth + 1) // 2 + 1


def _nest(depth: int, body: str) -> str:
    return "".join(f"{'    ' * level}for x{level} in loader:\n" for level in range(depth)) + indent(body, "    " * depth)
