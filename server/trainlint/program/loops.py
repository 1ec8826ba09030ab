"""Loops to regions: how often a body is lowered, and what its turns count."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

from . import assignment, calls, conditions, expressions, lower
from .effects import Block, Count, Forget, Jump, Loop
from .guards import Guard, Known
from .index import names_in
from .iteration import iterate, matters
from .machine import LoopPaths, Machine
from .names import text_of
from .naming import names_optimizer
from .scope import Changes
from .things import Constant, Counter, Sequence, Thing, Value
from .values import things_in

# So many loops around each other take second turns of their own, however often the loops around them are lowered.
_MAX_DRAFTS = 2


def for_loop(m: Machine, node: ast.For | ast.AsyncFor) -> bool:
    def turn(value: Value) -> None:
        def body() -> bool:
            assignment.bind(m, node.target, value)
            return lower.statements(m, node.body)

        _loop(m, node, body, [], skippable=False, repeats=False)

    if calls.generator(m, node.iter, turn):
        return lower.statements(m, node.orelse)
    track = iterate(m, node.iter)
    if track.items is not None and 0 < len(track.items.items) <= 8 and any(matters(value) for value in track.items.items):
        return _unrolled(m, node, track.items)
    every = track.every or _holds_parameters(m, node)
    if every and isinstance(track.over, Thing) and isinstance(track.element, Thing) and track.element.parent is track.over:
        track = replace(track, element=m.part(track.over, "[]"))
    if not every:
        for thing in things_in(track.element):
            thing.data = thing.role is None and not thing.carries
    if track.counter is not None:
        m.emit_effect(Count, node, track.counter, track.start - 1 if track.start is not None else None)

    def body() -> bool:
        if track.counter is not None:
            m.emit_effect(Count, node, track.counter, None, 1)
        assignment.bind(m, node.target, track.element)
        for thing in things_in(track.element):
            if thing.node is node.iter:
                m.emit_effect(Forget, node, f"@{id(thing)}")
        return lower.statements(m, node.body)

    runs = 1 if every else track.runs
    if runs == 0:
        return lower.statements(m, node.orelse)
    region = _loop(m, node, body, node.orelse, skippable=runs is None, repeats=runs is None or runs > 1)
    if region is not None:
        region.over, region.runs = track.over, track.runs
    return True


def _unrolled(m: Machine, node: ast.For | ast.AsyncFor, items: Sequence) -> bool:
    """One turn after the other, each member known. What a member that may be missing changes may be as it was before."""
    outer = m.members
    for place, value in enumerate(items.items):

        def body(value: Value = value) -> bool:
            assignment.bind(m, node.target, value)
            return lower.statements(m, node.body)

        base = m.store
        m.store, m.members = base.fork(), (*outer, place)
        _loop(m, node, body, [], skippable=False, repeats=False)
        changes = m.store.changes_since(base)
        m.store, m.members = base, outer
        base.join([changes, Changes()] if items.is_loose(place) else [changes])
    return lower.statements(m, node.orelse)


def _holds_parameters(m: Machine, node: ast.For | ast.AsyncFor) -> bool:
    """The loop goes over optimizers, models or parameters: its target is used as one."""
    names = names_in(node.target)
    return any(
        name in names and (attribute != "step" or names_optimizer(name)) for name, attribute in m.index.loops[node].handled
    )


def while_loop(m: Machine, node: ast.While) -> bool:
    endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
    guard: list[Guard] = []

    def body() -> bool:
        guard[:] = [conditions.condition(m, node.test)]
        return lower.statements(m, node.body)

    region = _loop(m, node, body, node.orelse, skippable=not endless, repeats=True)
    if region is not None:
        region.endless = endless or guard[0] == Known(True)
        region.guard = guard[0]
        return not region.endless or _has_break(node.body)
    return True


def _has_break(body: list[ast.stmt]) -> bool:
    for statement in body:
        if isinstance(statement, ast.Break):
            return True
        if isinstance(statement, (ast.For, ast.While, ast.AsyncFor)):
            if _has_break(statement.orelse):
                return True
            continue
        for field in ("body", "orelse", "finalbody"):
            if _has_break(getattr(statement, field, [])):
                return True
        for handler in getattr(statement, "handlers", []):
            if _has_break(handler.body):
                return True
        for case in getattr(statement, "cases", []):
            if _has_break(case.body):
                return True
    return False


def _loop(
    m: Machine, node: ast.stmt, body: Callable[[], bool], orelse: list[ast.stmt], *, skippable: bool, repeats: bool
) -> Loop | None:
    """A loop, lowered again where its first turn changes what later turns look at.

    A loop inside another one leaves its second turn to the second turn of that, where that is sure to come.
    """
    base, outer = m.store, m.block
    if repeats:
        _count(m, node)
    postponed, m.postponed = m.postponed, False
    changing = False
    for first in (True, False):
        paths = LoopPaths(base)
        m.store, m.block = base.fork(paths.sought), Block()
        drafts = m.drafts
        m.drafts = [*drafts, paths] if first and repeats else drafts
        m.loops.append(paths)
        outer_turns, m.turns = m.turns, (*m.turns, (node, 2 if changing else 1))
        alive = body()
        m.turns, m.drafts = outer_turns, drafts
        m.loops.pop()
        ends: list[Changes] = [*paths.continues, *paths.breaks]
        if alive:
            ends.append(m.store.changes_since(base))
        block = m.block
        m.store, m.block = base, outer
        changed = base.join([*ends, Changes()] if skippable or repeats else ends)
        changing = repeats and not changed.isdisjoint(paths.sought)
        if not first or not (changing or m.postponed):
            break
        if _comes_again(m):
            m.postponed = True
            break
        m.postponed = False
    m.postponed = m.postponed or postponed
    last, _ = lower.suite(m, orelse)
    if not block.items and not last.items:
        return None
    region = Loop(node, block, last, skippable, repeats)
    m.emit(region)
    return region


def _comes_again(m: Machine) -> bool:
    """A loop around this one will be lowered again, so that what is lowered now need not be final."""
    return len(m.drafts) >= _MAX_DRAFTS or any(m.store.differs(draft.base, draft.sought) for draft in m.drafts)


def _count(m: Machine, node: ast.stmt) -> None:
    """Integers that the loop advances by constants become counters."""
    for statement in m.index.loops[node].counted:
        before = expressions.evaluate(m, lower.load(statement.target))
        known = before.value if isinstance(before, Constant) else None
        if isinstance(before, Counter) or (known is not None and not isinstance(known, int)):
            continue
        counter = f"#{text_of(statement.target)}@{id(m.frame)}"
        m.emit_effect(Count, node, counter, known if isinstance(known, int) else None)
        assignment.bind(m, statement.target, Counter(counter))


def break_out(m: Machine, node: ast.Break) -> bool:
    if m.loops:
        paths = m.loops[-1]
        paths.breaks.append(m.store.changes_since(paths.base))
        m.emit(Jump("break"))
    return False


def go_on(m: Machine, node: ast.Continue) -> bool:
    if m.loops:
        paths = m.loops[-1]
        paths.continues.append(m.store.changes_since(paths.base))
        m.emit(Jump("continue"))
    return False
