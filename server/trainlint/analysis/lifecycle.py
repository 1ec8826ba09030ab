"""The gradient automaton: the state of a parameter set's gradients along every path of a program.

States and transitions are those of docs/architecture.md. A path carries, beside the state, what the claims need:
which backwards are not yet applied, what the last clear threw away, and which loops were gone round since
gradients were applied that are still there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ..cancel import CancelFlag
from ..program import effects as fx
from ..program.guards import TRUE, Guard
from .events import Event, Kind, View
from .worlds import EMPTY, Conditions, Context

UNKNOWN, CLEAR, FRESH, APPLIED, STALE, LOST = "unknown", "clear", "fresh", "applied", "stale", "lost"
_MAX_WORLDS = 160
_MAX_WORK = 30_000


class Intractable(Exception):
    """The program has more paths for this set than can be told apart; nothing is said of it."""


class Token(NamedTuple):
    """The gradients of the set at one point of one path.

    `state`: UNKNOWN at the entry, LOST after a call that may have done anything.
    `pending`: backwards in the gradients that no step applied yet.
    `discarded`: backwards that the last clear threw away unapplied.
    `recent`: those of both whose own loops have not begun another turn since.
    `crossed`: loops gone round since gradients were applied that are still there.
    """

    state: str = UNKNOWN
    pending: frozenset[Event] = frozenset()
    discarded: frozenset[Event] = frozenset()
    recent: frozenset[Event] = frozenset()
    crossed: frozenset[fx.Loop] = frozenset()


World = tuple[Context, Token]

_AFTER_BACKWARD = {UNKNOWN: UNKNOWN, LOST: LOST, CLEAR: FRESH, FRESH: FRESH, APPLIED: STALE, STALE: STALE}


@dataclass(slots=True)
class Lifecycle:
    """What was seen of one parameter set over all paths.

    `steps`: the gradients that each sure step met. `used`: backwards some step applied or some code read.
    `discards`: each clear with the backwards it threw away, and whether a loop was gone round in between.
    `accumulated`: backwards that added to gradients of an earlier turn. `left`: backwards pending at the end.
    `met`: the states in which each event found the gradients.
    """

    steps: dict[Event, set[Token]] = field(default_factory=dict)
    ran: set[Event] = field(default_factory=set)
    used: set[Event] = field(default_factory=set)
    discards: set[tuple[Event, Event]] = field(default_factory=set)
    accumulated: set[Event] = field(default_factory=set)
    left: set[Event] = field(default_factory=set)
    met: dict[Event, set[str]] = field(default_factory=dict)


def run(view: View, cancel: CancelFlag) -> Lifecycle:
    """Follow the set through its view of the program. Raises `Intractable`."""
    automaton = _Automaton(view, cancel)
    ends = automaton.block(view.body, {(EMPTY, Token())})
    for _, token in ends | automaton.returned:
        automaton.facts.left |= token.pending
    return automaton.facts


class _Automaton:
    def __init__(self, view: View, cancel: CancelFlag) -> None:
        self.conditions = Conditions(view.periods, view.bounds, view.repeated)
        self.variables = view.variables
        self.cancel = cancel
        self.facts = Lifecycle()
        self.depends: dict[str, frozenset[str]] = {}
        self.breaks: list[set[World]] = []
        self.continues: list[set[World]] = []
        self.returns: list[set[World]] = []
        self.returned: set[World] = set()
        self.tries: list[set[World]] = []
        self.work = 0

    def block(self, block: fx.Block, worlds: set[World]) -> set[World]:
        for item in block.items:
            if not worlds:
                break
            self.work += len(worlds)
            if self.work > _MAX_WORK:
                raise Intractable
            worlds = self.region(item, worlds)
            if len(worlds) > _MAX_WORLDS:
                worlds = {(EMPTY, token) for _, token in worlds}
        return worlds

    def region(self, region: object, worlds: set[World]) -> set[World]:
        if isinstance(region, Event):
            for observer in self.tries:
                observer |= worlds
            return {(context, result) for context, token in worlds for result in self.event(region, token)}
        if isinstance(region, fx.Block):
            return self.block(region, worlds)
        if isinstance(region, fx.Branch):
            yes, no = self.split(region.guard, worlds)
            return self.block(region.body, yes) | self.block(region.orelse, no)
        if isinstance(region, fx.Loop):
            return self.loop(region, worlds)
        if isinstance(region, fx.Call):
            self.returns.append(set())
            after = self.block(region.body, worlds)
            return after | self.returns.pop()
        if isinstance(region, fx.Try):
            return self.attempt(region, worlds)
        if isinstance(region, fx.Jump):
            return self.jump(region, worlds)
        if isinstance(region, fx.Count):
            return {
                (after, token)
                for context, token in worlds
                for after in self.conditions.count(context, region.counter, region.value, region.by)
            }
        if isinstance(region, fx.Forget) and region.variable in self.variables:
            return {(self.conditions.forget(context, region.variable, self.depends), token) for context, token in worlds}
        return worlds

    def split(self, guard: Guard, worlds: Iterable[World]) -> tuple[set[World], set[World]]:
        sides: tuple[set[World], set[World]] = (set(), set())
        for context, token in worlds:
            for truth, after in self.conditions.decide(guard, context, self.depends):
                sides[0 if truth else 1].add((after, token))
        return sides

    def jump(self, jump: fx.Jump, worlds: set[World]) -> set[World]:
        if jump.kind == "break" and self.breaks:
            self.breaks[-1] |= worlds
        elif jump.kind == "continue" and self.continues:
            self.continues[-1] |= worlds
        elif jump.kind == "return":
            target = self.returns[-1] if self.returns else self.returned
            target |= worlds
        elif jump.kind == "raise" and self.tries:
            self.tries[-1] |= worlds
        return set()

    def loop(self, loop: fx.Loop, worlds: set[World]) -> set[World]:
        seen: set[World] = set()
        broken: set[World] = set()
        ended: set[World] = set()
        guard = loop.guard or TRUE
        frontier, out = self.split(guard, worlds)
        if loop.skippable and loop.guard is None:
            ended |= worlds
        if not loop.endless:
            ended |= out
        while frontier:
            self.cancel.check()
            seen |= frontier
            self.breaks.append(set())
            self.continues.append(set())
            after = self.block(loop.body, frontier)
            after |= self.continues.pop()
            broken |= self.breaks.pop()
            if loop.guard is None:
                if not loop.endless:
                    ended |= after
                inside = after
            else:
                inside, out = self.split(guard, after)
                ended |= out
            if not loop.repeats:
                break
            frontier = {(context, _go_round(token, loop)) for context, token in inside} - seen
            if len(seen) > 2 * _MAX_WORLDS:
                frontier = {(EMPTY, token) for _, token in frontier} - seen
        return self.block(loop.orelse, ended) | broken

    def attempt(self, region: fx.Try, worlds: set[World]) -> set[World]:
        jumps = (self.breaks, self.continues, self.returns)
        for collectors in jumps:
            collectors.append(set())
        self.tries.append(set(worlds))
        after = self.block(region.body, worlds)
        thrown = self.tries.pop()
        after = self.block(region.orelse, after)
        for handler in region.handlers:
            after |= self.block(handler, set(thrown))
        leaving = [collectors.pop() for collectors in jumps]
        for collectors, left in zip(jumps, leaving, strict=True):
            target = collectors[-1] if collectors else self.returned
            target |= self.block(region.final, left)
        return self.block(region.final, after)

    def event(self, event: Event, token: Token) -> tuple[Token, ...]:
        self.facts.ran.add(event)
        self.facts.met.setdefault(event, set()).add(token.state)
        after = _TRANSITIONS[event.kind](self, event, token)
        if event.sure:
            return (after,)
        return tuple({token, after, Token(CLEAR)} if event.clears else {token, after})

    def backward(self, event: Event, token: Token) -> Token:
        if token.pending - token.recent:
            self.facts.accumulated.add(event)
        recent = (token.recent & token.pending) | {event}
        return Token(_AFTER_BACKWARD[token.state], token.pending | {event}, recent=recent, crossed=token.crossed)

    def write(self, event: Event, token: Token) -> Token:
        self.facts.used |= token.pending
        return Token(FRESH)

    def step(self, event: Event, token: Token) -> Token:
        if event.sure:
            self.facts.steps.setdefault(event, set()).add(token)
        self.facts.used |= token.pending
        if event.clears:
            return Token(CLEAR)
        if token.state == CLEAR:
            return token
        return Token(APPLIED, crossed=token.crossed if token.state in (APPLIED, STALE) else frozenset())

    def clear(self, event: Event, token: Token) -> Token:
        for backward in token.pending:
            self.facts.discards.add((event, backward))
        if token.state == CLEAR:
            return token
        return Token(CLEAR, discarded=token.pending, recent=token.recent & token.pending)

    def read(self, event: Event, token: Token) -> Token:
        self.facts.used |= token.pending
        return token

    def new(self, event: Event, token: Token) -> Token:
        return Token(CLEAR)

    def other(self, event: Event, token: Token) -> Token:
        self.facts.used |= token.pending
        return Token(UNKNOWN)

    def anything(self, event: Event, token: Token) -> Token:
        self.facts.used |= token.pending
        return Token(LOST)

    def forward(self, event: Event, token: Token) -> Token:
        return token

    def compute(self, event: Event, token: Token) -> Token:
        """A call that may differentiate: what was clear may be fresh now, what was applied may be anything."""
        return Token(FRESH if token.state in (CLEAR, FRESH) else LOST, token.pending)


_TRANSITIONS = {
    Kind.BACKWARD: _Automaton.backward,
    Kind.WRITE: _Automaton.write,
    Kind.STEP: _Automaton.step,
    Kind.CLEAR: _Automaton.clear,
    Kind.READ: _Automaton.read,
    Kind.NEW: _Automaton.new,
    Kind.OTHER: _Automaton.other,
    Kind.ANYTHING: _Automaton.anything,
    Kind.COMPUTE: _Automaton.compute,
    Kind.FORWARD: _Automaton.forward,
}


def _go_round(token: Token, loop: fx.Loop) -> Token:
    recent = frozenset(event for event in token.recent if loop not in event.loops)
    crossed = token.crossed | {loop} if token.state in (APPLIED, STALE) else token.crossed
    return token._replace(recent=recent, crossed=crossed)
