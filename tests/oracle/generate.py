"""More than twenty thousand training programs, each another arrangement of clear, backward and step.

The order is fixed and nothing is random: program n is the same text on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations, product

from tests.oracle.judge import Situation
from tests.oracle.precision import PRECISION
from tests.oracle.programs import (
    Block,
    Closure,
    Helper,
    If,
    Jump,
    Loop,
    Node,
    Op,
    Spelling,
    Try,
    has_loss,
    spell,
)
from tests.oracle.situations import situations


@dataclass(frozen=True)
class Program:
    """`readings` are sets of situations; under each of them the runs stand for all paths.

    Where there are two, as for code that an exception may interrupt here or anywhere, only what both demand must be said.
    """

    family: str
    text: str
    readings: tuple[tuple[Situation, ...], ...]
    trains: bool = True
    """Whether a loss stands anywhere in it."""


def programs() -> Iterator[Program]:
    """All programs, no text twice."""
    seen: set[str] = set()
    for family, block, spelling in spelled():
        text = spell(block, spelling)
        if text not in seen:
            seen.add(text)
            yield Program(family, text, situations(block), has_loss(block))


# Sequences of operations

Z, B, S, L = Op("Z"), Op("B"), Op("S"), Op("L")
Ops = tuple[Op, ...]


def ops(word: str) -> Ops:
    """`"ZBS"` as operations; a lower-case letter names the network of the one before it: `"ZdBdSd"`."""
    found: list[Op] = []
    for letter in word:
        if letter.islower():
            found[-1] = Op(found[-1].kind, letter)
        else:
            found.append(Op(letter))
    return tuple(found)


def words(letters: str, length: int) -> list[Ops]:
    return [ops("".join(word)) for word in product(letters, repeat=length)]


ORDERS = [ops("".join(word)) for word in permutations("ZBS")]
PAIRS = [ops("".join(word)) for word in permutations("ZBS", 2)]
PARTS = [(), *((op,) for op in (Z, B, S)), *PAIRS, *ORDERS]
"""Every arrangement of some of the three operations, none twice."""
FOURS = [word for word in words("ZBS", 4) if len(set(word)) == 3]
"""Every sequence of four with each operation in it, so one of them twice."""
GUARDS = ["even", "odd", "first", "coin", "warmup"]
MORE_GUARDS = ["window", "third", "third-end", "later"]


def batches(*body: Node) -> Loop:
    return Loop("batches", tuple(body))


def epochs(*body: Node) -> Loop:
    return Loop("epochs", tuple(body))


def guarded(node: Node, test: str | None) -> Node:
    return node if test is None else If(test, (node,))


# Families


def flat() -> Iterator[Block]:
    """One loop, straight body, something before and after it."""
    around: list[Ops] = [(), (Z,), (B,), (S,)]
    for size in range(4):
        for body, before, after in product(words("ZBS", size), around, around):
            yield (*before, batches(*body), *after)
    for body, before, after in product(words("ZBS", 4), [(), (Z,)], [(), (Z,), (S,)]):
        yield (*before, batches(*body), *after)
    for body in FOURS:
        yield (epochs(*body),)
    for body, before, after in product(PARTS, around, around):
        yield (*before, epochs(*body), *after)


def guards() -> Iterator[Block]:
    """Operations under conditions on the counter, a flag or chance."""
    tests = [None, *GUARDS]
    for order in (*ORDERS, *PAIRS):
        for chosen in product(tests, repeat=len(order)):
            if chosen.count("warmup") > 1:
                continue
            yield (batches(*map(guarded, order, chosen)),)
    for order, test, other in product(ORDERS, [*GUARDS, *MORE_GUARDS], [None, "odd", "window", "first"]):
        first, second, third = order
        yield (batches(If(test, (first, second)), guarded(third, other)),)
        yield (batches(guarded(first, other), If(test, (second, third))),)
        yield (batches(first, If(test, (second,)), guarded(third, other)), S)
    for order, place, test in product(FOURS, range(4), [*GUARDS, *MORE_GUARDS]):
        yield (batches(*order[:place], If(test, (order[place],)), *order[place + 1 :]),)
    for order, chosen in product(ORDERS, product([None, *MORE_GUARDS], repeat=3)):
        if any(chosen):
            yield (batches(*map(guarded, order, chosen)),)


def accumulation() -> Iterator[Block]:
    """Windows of batches, with their clears and steps in every place, in loops over batches and around them."""
    ends, starts = ["odd", "window", "third-end"], ["even", "third", "first"]
    tails: list[Ops] = [(), (S,), (Z,), ops("SZ"), ops("ZS")]
    for end, (before, after, tail, head) in product(
        ends, product([(), (Z,)], [ops("SZ"), ops("ZS"), (S,), (Z,)], tails, [(), (Z,)])
    ):
        yield (*head, batches(*before, B, If(end, after)), *tail)
        yield (epochs(*head, batches(*before, B, If(end, after)), *tail),)
    for start, end, order, head in product(starts, ends, permutations((0, 1, 2)), [(), (Z,)]):
        parts: list[Node] = [If(start, (Z,)), B, If(end, (S,))]
        body = [parts[place] for place in order]
        yield (*head, batches(*body))
        yield (epochs(*head, batches(*body)),)


def branches() -> Iterator[Block]:
    """The two sides of a condition do different things."""
    sides: list[Ops] = [(Z,), (B,), (S,), *PAIRS, *ORDERS]
    around: list[tuple[Ops, Ops]] = [((), ()), ((Z,), ()), ((B,), ()), ((), (S,))]
    for one, other in product(sides, repeat=2):
        if one != other:
            yield (batches(If("even", one, other)),)
            for head, tail in around:
                yield (batches(*head, If("coin", one, other), *tail),)


def jumps() -> Iterator[Block]:
    """continue and break, bare or under a condition, between the operations."""
    for order, word, test in product((*ORDERS, *PAIRS, *FOURS), ("continue", "break"), [None, *GUARDS]):
        if word == "break" and test in ("even", "first"):
            continue
        for place in range(len(order) + 1):
            jump = guarded(Jump(word), test)
            yield (batches(*order[:place], jump, *order[place:]),)
            if len(order) == 3 and test != "warmup":
                yield (batches(*order[:place], jump, *order[place:]), S)
                yield (epochs(batches(*order[:place], jump, *order[place:]), S),)
    for order, word, test, first in product(ORDERS, ("continue", "break"), ["coin", "odd", "later"], (Z, S, B)):
        for place in range(len(order) + 1):
            yield (batches(*order[:place], If(test, (first, Jump(word))), *order[place:]),)
    extras: list[Ops] = [(), (Z,), (S,)]
    for order, extra in product(ORDERS, extras):
        for place in range(order.index(B) + 1, 4):
            head, tail = order[:place], order[place:]
            yield (batches(L, *head, If("finite", (*extra, Jump("continue"))), *tail),)
        yield (batches(L, If("finite", order)),)
        yield (batches(L, If("finite", order, extra)),)
        yield (batches(L, order[0], If("finite", order[1:], extra)),)


def nested() -> Iterator[Block]:
    """Loops over batches in a loop over epochs, operations in both."""
    outer: list[Ops] = [(), (Z,), (B,), (S,), *PAIRS]
    for inner, head, tail in product(PARTS, outer, outer):
        yield (epochs(*head, batches(*inner), *tail),)
    few: list[Ops] = [(), (Z,), (S,)]
    for inner, head, tail, before, after in product(PARTS, few, few, few[:2], few):
        yield (*before, epochs(*head, batches(*inner), *tail), *after)
    for inner, head, tail in product(FOURS, few, few):
        yield (epochs(*head, batches(*inner), *tail),)
    for inner, place, test, head, tail in product(ORDERS, range(3), GUARDS, few, few):
        body: Block = (*inner[:place], If(test, (inner[place],)), *inner[place + 1 :])
        yield (epochs(*head, batches(*body), *tail),)
    for inner, head, tail, test in product(PARTS[:10], [(Z,), (S,), (B,)], [(), (Z,), (S,)], ["odd", "coin"]):
        yield (epochs(If(test, head), batches(*inner), *tail),)
        yield (epochs(batches(*inner), If(test, head), *tail),)
    for first, second in product(PARTS, repeat=2):
        yield (batches(*first), batches(*second))
        yield (epochs(batches(*first), batches(*second)),)


def outside() -> Iterator[Block]:
    """The step stands after the loop whose turns clear and differentiate."""
    update = (Z, B)
    bodies: list[Block] = [
        update,
        (Z, B, B),
        (Z, Z, B),
        (Z, B, Z, B),
        (L, Z, B),
        (If("coin", update),),
        (If("even", update),),
        (If("warmup", update),),
        (If("coin", (Jump("continue"),)), *update),
        (Z, If("coin", (B,))),
        (Z, B, If("coin", (S,))),
        (If("coin", (Z,)), B),
        (B, Z),
        (Helper("update", update),),
        (Z, Helper("differentiate", (B,))),
        (Helper("clear", (Z,)), L, B),
        (Try(update, ()),),
    ]
    tails: list[Block] = [(S,), (S, Z), (If("coin", (S,)),), (Helper("apply", (S,)),), (Z, S), (B, S)]
    for body, tail, head in product(bodies, tails, [(), (Z,)]):
        yield (*head, batches(*body), *tail)
        yield (epochs(*head, batches(*body), *tail),)


def two_networks() -> Iterator[Block]:
    """A discriminator and a generator whose loss reaches both, in blocks, interleaved, and with one part missing."""

    def renamed(order: Ops, who: str, loss: str) -> Ops:
        return tuple(Op(op.kind, loss if op.kind == "B" else who) for op in order)

    for one, other, loss in product(PARTS, PARTS, "df"):
        if not one and not other:
            continue
        d, g = renamed(one, "d", loss), renamed(other, "g", "g")
        yield (batches(*d, *g),)
        yield (batches(*g, *d),)
    for one, other in product([*ORDERS, *PAIRS], repeat=2):
        d, g = renamed(one, "d", "d"), renamed(other, "g", "g")
        yield (batches(*d, If("odd", g)),)
        yield (epochs(batches(*d), *g),)
        yield (epochs(batches(*d), batches(*g)),)
    d, g = ops("ZdBdSd"), ops("ZgBgSg")
    for merged in _merges(d, g):
        yield (batches(*merged),)
        for missing in range(6):
            yield (batches(*merged[:missing], *merged[missing + 1 :]),)
    joint = ops("ZdZgBjSdSg")
    for order in permutations(joint):
        yield (batches(*order),)
    for missing in range(5):
        for order in permutations(joint[:missing] + joint[missing + 1 :]):
            yield (batches(*order),)


def shared_helpers() -> Iterator[Block]:
    """Two networks trained through one helper function that receives a model, an optimizer and a loss."""
    for body, one, other in product([order for order in (*ORDERS, *PAIRS) if B in order], [(), (Z,)], [(), (Z,), (S,)]):
        for who in ("dg", "gd", "fg"):
            calls: list[Node] = []
            for extra, loss in zip((one, other), who, strict=True):
                owner = "g" if loss == "g" else "d"
                calls += [Op(op.kind, owner) for op in extra if op is Z]
                calls += [Op("L", loss), Helper("update", body, owner)]
                calls += [Op(op.kind, owner) for op in extra if op is S]
            yield (batches(*calls),)
            yield (epochs(batches(*calls)),)


def helpers() -> Iterator[Block]:
    """Some of the operations stand in a function or method called from the loop."""
    for order in (*PARTS[1:], *FOURS):
        for start in range(len(order)):
            for end in range(start + 1, len(order) + 1):
                body = Helper("update", order[start:end])
                yield (batches(*order[:start], body, *order[end:]),)
                if len(order) < 4:
                    yield (batches(*order[:start], If("coin", (body,)), *order[end:]),)
                    yield (epochs(*order[:start], batches(body), *order[end:]),)
    for order, cut in product((*ORDERS, *FOURS), (1, 2, 3)):
        if cut < len(order):
            first, second = Helper("prepare", order[:cut]), Helper("finish", order[cut:])
            yield (batches(first, second),)
            yield (batches(Helper("train_step", (first, second))),)
            yield (batches(L, Helper("train_step", (Helper("prepare", order[:cut]), *order[cut:]))),)
    for order, word in product(PARTS, ["train_epoch", "fit"]):
        yield (epochs(Helper(word, (batches(*order),))),)
        yield (Helper(word, (epochs(batches(*order)),)),)
        yield (epochs(Helper(word, (batches(*order),)), S),)
        yield (epochs(Z, Helper(word, (batches(*order),))),)


def closures() -> Iterator[Block]:
    """The step calls a function that clears and differentiates."""
    bodies = [word for size in (1, 2, 3) for word in words("ZB", size) if B in word]
    around: list[Ops] = [(), (Z,), (B,)]
    for body, before, after in product(bodies, around, around):
        step = Closure(body)
        yield (batches(*before, step, *after),)
        yield (epochs(*before, batches(step), *after),)
        for test in GUARDS[:4]:
            yield (batches(*before, If(test, (step,)), *after),)


def interrupted() -> Iterator[Block]:
    """try with handlers and finally around some of the operations."""
    handlers: list[Block | None] = [
        None,
        (),
        (Z,),
        (Jump("continue"),),
        (Jump("break"),),
    ]
    finals: list[Ops] = [(), (Z,), (S,)]
    for order in (*ORDERS, *PAIRS):
        for start in range(len(order)):
            for end in range(start + 1, len(order) + 1):
                for handler, final in product(handlers, finals):
                    if handler is None and not final:
                        continue
                    body = Try(order[start:end], handler, final)
                    yield (batches(*order[:start], body, *order[end:]),)
        for cut in range(1, len(order)):
            yield (batches(Try(order[:cut], None, order[cut:])),)
            yield (epochs(Try((batches(*order[:cut]),), None, order[cut:])),)


FAMILIES: tuple[Callable[[], Iterator[Block]], ...] = (
    flat,
    guards,
    accumulation,
    branches,
    jumps,
    nested,
    outside,
    two_networks,
    shared_helpers,
    helpers,
    closures,
    interrupted,
    *PRECISION,
)


# Spelling

_WRAPPERS = ("module", "function", "main", "class")
_CLEARS = ("optimizer", "module", "none", "zeros", "in place")
_IMPORTS = ("torch.optim.SGD", "optim.SGD", "SGD", "aliases")
_LOOPS = ("enumerate", "range", "enumerate", "while", "enumerate")


def spelled() -> Iterator[tuple[str, Block, Spelling]]:
    """Every block in one spelling, and every fortieth in another; the choices turn at different speeds."""
    for family in FAMILIES:
        for number, block in enumerate(family()):
            yield family.__name__, block, _spelling(number)
            if number % 40 == 0:
                yield family.__name__, block, _spelling(number + 17 + number // 3)


def _spelling(number: int) -> Spelling:
    return Spelling(
        names=number // 2,
        clear=_CLEARS[number % len(_CLEARS)],
        imports=_IMPORTS[number // 3 % len(_IMPORTS)],
        wrapper=_WRAPPERS[(number + number // 7) % len(_WRAPPERS)],
        loop=_LOOPS[number // 5 % len(_LOOPS)],
        inline=number % 4 == 3,
        helper=("arguments", "globals")[number // 11 % 2],
    )


def _merges(one: Ops, other: Ops) -> Iterator[Ops]:
    """Every interleaving of two sequences that keeps the order of each."""
    if not one or not other:
        yield (*one, *other)
        return
    for rest in _merges(one[1:], other):
        yield (one[0], *rest)
    for rest in _merges(one, other[1:]):
        yield (other[0], *rest)
