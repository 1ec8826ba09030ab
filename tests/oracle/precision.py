"""Training programs with a gradient scaler, clipping and schedules: their parts in every order, with parts dropped."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from tests.oracle.programs import Block, Helper, If, Loop, Node, Op


def ops(word: str) -> tuple[Op, ...]:
    return tuple(map(Op, word))


def orders(word: str, every: int = 1) -> list[tuple[Op, ...]]:
    """The arrangements of the letters of `word`, none twice; every so manieth of them."""
    return [ops("".join(order)) for order in dict.fromkeys(permutations(word))][::every]


def batches(*body: Node) -> Loop:
    return Loop("batches", tuple(body))


def epochs(*body: Node) -> Loop:
    return Loop("epochs", tuple(body))


def scaled() -> Iterator[Block]:
    """One loop through a gradient scaler: complete, with one part missing, one twice, or one as without a scaler."""
    complete = "ZAUCTP"
    for order in orders(complete, 3):
        yield (batches(*order),)
    for missing in complete:
        for order in orders(complete.replace(missing, ""), 3):
            yield (batches(*order),)
    for word, every in (
        ("ZATP", 1),
        ("ZASP", 1),
        ("ZBTP", 1),
        ("ZAUSP", 1),
        ("ZATSP", 1),
        ("ZAUUTP", 5),
        ("ZAUCSP", 7),
        ("ZBUCTP", 9),
    ):
        for order in orders(word, every):
            yield (batches(*order),)
            yield (epochs(batches(*order)),)
    for order in orders("ZATP"):
        for place in range(4):
            yield (batches(*order[:place], If("coin", (order[place],)), *order[place + 1 :]),)
            yield (batches(*order[:place], If("odd", (order[place],)), *order[place + 1 :]),)
    for order in orders("UCTPZ", 2):
        yield (batches(Op("A"), If("odd", order)),)
    for order in orders("ZAUCTP", 19):
        for cut in (1, 2, 3, 4):
            yield (batches(*order[:cut], Helper("update", order[cut:])),)
            yield (epochs(Helper("train_epoch", (batches(*order),))),)


def clipped() -> Iterator[Block]:
    """Clips without a scaler, in every place."""
    for word in ("ZBCS", "ZBCCS", "ZBC", "BCS", "ZCS", "ZBBCS"):
        for order in orders(word, 3 if len(word) > 4 else 1):
            yield (batches(*order),)
            yield (epochs(batches(*order)),)
            yield (epochs(batches(*order[:-1]), order[-1]),)
    for order in orders("ZBCS"):
        for place in range(4):
            yield (batches(*order[:place], If("coin", (order[place],)), *order[place + 1 :]),)
            yield (batches(*order[:place], If("odd", (order[place],)), *order[place + 1 :]),)
            yield (batches(*order[:place], Helper("finish", order[place:])),)


def scheduled() -> Iterator[Block]:
    """A schedule stepped in every place, per batch or per epoch, or never."""
    tick, built = Op("D"), Op("N")
    for order in orders("ZBS"):
        for place in range(4):
            body = (*order[:place], tick, *order[place:])
            yield (batches(*body),)
            yield (epochs(batches(*body)),)
            yield (batches(*order[:place], If("coin", (tick,)), *order[place:]),)
            yield (batches(Helper("update", body)),)
        yield (epochs(tick, batches(*order)),)
        yield (epochs(batches(*order), tick),)
        yield (tick, epochs(batches(*order)))
        yield (epochs(batches(*order)), tick)
        yield (batches(*order, built),)
        yield (epochs(batches(*order), built),)
        yield (epochs(Helper("train_epoch", (batches(*order),)), tick),)
        yield (epochs(tick, Helper("train_epoch", (batches(*order),))),)
    for order in orders("ZATPD"):
        yield (batches(*order),)


PRECISION = (scaled, clipped, scheduled)
