"""Which situations a program has to be run in, so that every path which matters is taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from tests.oracle.judge import Situation
from tests.oracle.programs import COUNTED, TOSSED, Block, If, Loop, Try, walk

_ONE_COIN = ("1", "0", "10110", "01001")
_MORE_COINS = ("1", "0", "10", "01", "0110", "1001", "00110110", "11001001")
_ONE_FAILURE = tuple(f"{1 << place:030b}"[::-1] for place in range(7))
_LOSS = frozenset({"loss"})
_ANY = frozenset({"loss", "backward", "clear", "step"})


def situations(block: Block) -> tuple[tuple[Situation, ...], ...]:
    """Enough situations that every path which matters is taken by some run."""
    nodes = list(walk(block))
    tests = [node.test for node in nodes if isinstance(node, If)]
    coins = sum(test in TOSSED for test in tests)
    tosses = ("1",) if not coins else _ONE_COIN if coins == 1 else _MORE_COINS
    flags = (False, True) if "warmup" in tests else (False,)
    plain = [
        Situation(epochs, batches, flag, coin)
        for (epochs, batches), flag, coin in product(_sizes(block), flags, tosses)
        if epochs * batches > 1 or coin in _ONE_COIN[:2]
    ]
    if not any(isinstance(node, Try) for node in nodes):
        return (tuple(plain),)
    return (
        tuple(_failing(plain, ("0", "1", "01"), _LOSS)),
        tuple(_failing(plain, ("01", *_ONE_FAILURE), _ANY)),
    )


def _failing(plain: Sequence[Situation], failures: Sequence[str], fallible: frozenset[str]) -> Iterator[Situation]:
    for situation, pattern in product(plain, failures):
        yield replace(situation, failures=pattern, fallible=fallible)


def _sizes(block: Block) -> list[tuple[int, int]]:
    """(epochs, batches) to run with.

    A loop turns often enough that what a condition in it lets happen happens three times; empty loops, single turns and
    other remainders are added where something outside a loop may see them.
    """
    loops = [node for node in walk(block) if isinstance(node, Loop)]
    after = len(block) > 1
    outer = [loop for loop in loops if any(isinstance(node, Loop) for node in walk(loop.body))]
    if outer:
        around = any(len(loop.body) > 1 or not isinstance(loop.body[0], Loop) for loop in outer)
        inner = [node for node in walk(block) if isinstance(node, Loop) and node not in outer]
        tests = {test for loop in inner for test in _tests(loop.body)}
        turns = [6, 5, 4] if tests & _THIRDS else [4, 3] if tests & COUNTED else [4] if tests else [3 if around else 2]
        epochs = max(_turns({test for loop in outer for test in _tests(loop.body)}))
        sizes = [(2, number) for number in turns]
        sizes += [(epochs, 0), (epochs, 1)] if around else []
        return sizes + ([(0, 2), (1, 2)] if after else [])
    lengths = _turns({test for loop in loops for test in _tests(loop.body)})
    if not after:
        lengths = lengths[:1]
    return [(length, length) for length in [*lengths, *([0, 1] if after else [])]]


_THIRDS = frozenset({"third", "third-end"})


def _turns(tests: set[str]) -> list[int]:
    """How many turns a loop with these conditions needs, and the remainders that may differ."""
    return [9, 8, 7] if tests & _THIRDS else [6, 5] if tests & COUNTED else [5] if tests else [3]


def _tests(body: Block) -> Iterator[str]:
    """The conditions in a loop's body outside of inner loops."""
    for node in body:
        if isinstance(node, If):
            yield node.test
        if not isinstance(node, Loop):
            for name in ("body", "orelse", "handler", "final"):
                yield from _tests(getattr(node, name, None) or ())
