"""How objects belong together: parts, and what others are built from."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...program.things import Thing


def is_copy(thing: Thing) -> bool:
    """Made from another, as those are whose gradients are only looked at: to measure speed or memory."""
    return root_of(thing).copy_of is not None


def root_of(thing: Thing) -> Thing:
    while thing.parent is not None:
        thing = thing.parent
    return thing


def related(one: Thing, other: Thing) -> bool:
    """One is the other, a part of it, or built from it."""
    return one.within(other) or other.within(one) or related_by_holding(one, other) or related_by_holding(other, one)


def may_be(one: Thing, other: Thing) -> bool:
    """They are related, or `other` is what a call out of sight returns, which may be anything."""
    root = root_of(other)
    return related(one, other) or (not root.in_sight and isinstance(root.node, ast.expr))


def related_by_holding(outer: Thing, inner: Thing) -> bool:
    return inner in reach(outer)


def graphs_within(things: Iterable[Thing]) -> frozenset[Thing]:
    """What computed the parts of `things` that calls out of sight returned: their weights may be made of other weights."""
    return frozenset(source for thing in things if thing.in_sight for held in reach(thing) for source in held.carries)


def reach(thing: Thing, depth: int = 4) -> set[Thing]:
    """What an object was built from, transitively."""
    found: set[Thing] = set()
    waiting = [(thing, depth)]
    while waiting:
        one, left = waiting.pop()
        for held in one.holds:
            if held not in found and left:
                found.add(held)
                waiting.append((held, left - 1))
        if one.parent is not None and one.parent not in found and left:
            waiting.append((one.parent, left - 1)) if one.parent.holds else None
    return found
