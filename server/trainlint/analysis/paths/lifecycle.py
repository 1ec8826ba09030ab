"""The gradient automaton: the state of a parameter set's gradients along every path of a program.

States and transitions are those of docs/architecture.md. A path carries, beside the state, what the claims need:
which backwards are not yet applied, what the last clear threw away, and which loops were gone round since
gradients were applied that are still there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...cancel import CancelFlag
from ...program import effects as fx
from ...program.guards import TRUE, Guard
from .events import Event, Kind, View
from .worlds import Conditions, Context

UNKNOWN, CLEAR, FRESH, APPLIED, STALE, LOST = "unknown", "clear", "fresh", "applied", "stale", "lost"
_MAX_WORLDS = 160
_MAX_TOKENS = 4 * _MAX_WORLDS
_MAX_WORK = 30_000


class Intractable(Exception):
    """The program has more paths for this set than can be told apart; nothing is said of it."""


class Token(NamedTuple):
    """The gradients of the set at one point of one path.

    `state`: UNKNOWN at the entry, LOST after a call that may have done anything.
    `pending`: backwards in the gradients that no step applied yet.
    `discarded`: backwards that the last clear threw away unapplied.
    `recent`: those of both whose own loops have not begun another turn since.
    `crossed`: loops gone round since gradients were applied that are still there; of nested ones the outermost.
    """

    state: str = UNKNOWN
    pending: frozenset[Event] = frozenset()
    discarded: frozenset[Event] = frozenset()
    recent: frozenset[Event] = frozenset()
    crossed: frozenset[fx.Loop] = frozenset()


Tokens = frozenset[Any]
Worlds = dict[Context, Tokens]  # by what is known on the paths: the tokens they carry

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
    ends = automaton.block(view.body, {automaton.conditions.empty: frozenset({Token()})})
    for tokens in (*ends.values(), *automaton.returned.values()):
        for token in tokens:
            automaton.facts.left |= token.pending
    return automaton.facts


class Paths(ABC):
    """Follows tokens along every path of a view: `apply` says what an event does to one, `turn` what a new turn does."""

    def __init__(self, view: View, cancel: CancelFlag) -> None:
        self.conditions = Conditions(view.periods, view.bounds, view.repeated, view.supposed)
        self.variables = view.variables
        self.around = view.around
        self.cancel = cancel
        self.breaks: list[Worlds] = []
        self.continues: list[Worlds] = []
        self.returns: list[Worlds] = []
        self.returned: Worlds = {}
        self.tries: list[Worlds] = []
        self.work = 0
        self.known: dict[tuple[object, object], Any] = {}
        self.passed: dict[tuple[fx.Loop, frozenset[tuple[Context, Tokens]]], tuple[Worlds, Worlds]] = {}

    def block(self, block: fx.Block, worlds: Worlds) -> Worlds:
        count = _count(worlds)
        for item in block.items:
            if not worlds:
                break
            self.work += count
            if self.work > _MAX_WORK:
                raise Intractable
            worlds = _REGIONS[type(item)](self, item, worlds)
            count = _count(worlds)
            if count > _MAX_WORLDS:
                worlds = self.without_conditions(worlds)
                count = _count(worlds)
                if count > _MAX_TOKENS:
                    raise Intractable
        return worlds

    def without_conditions(self, worlds: Worlds) -> Worlds:
        return {self.conditions.empty: frozenset().union(*worlds.values())} if worlds else {}

    def branch(self, region: fx.Branch, worlds: Worlds) -> Worlds:
        yes, no = self.split(region.guard, worlds)
        return _merged(self.block(region.body, yes), self.block(region.orelse, no))

    def call(self, region: fx.Call, worlds: Worlds) -> Worlds:
        self.returns.append({})
        after = self.block(region.body, worlds)
        return _merged(after, self.returns.pop())

    def count(self, effect: fx.Count, worlds: Worlds) -> Worlds:
        after: Worlds = {}
        for context, tokens in worlds.items():
            results = self.known.get((effect, context))
            if results is None:
                results = tuple(self.conditions.count(context, effect.counter, effect.value, effect.by))
                self.known[effect, context] = results
            for result in results:
                _add(after, result, tokens)
        return after

    def forget(self, effect: fx.Forget, worlds: Worlds) -> Worlds:
        if effect.variable not in self.variables:
            return worlds
        after: Worlds = {}
        for context, tokens in worlds.items():
            _add(after, self.conditions.forget(context, effect.variable), tokens)
        return after

    def split(self, guard: Guard, worlds: Worlds) -> tuple[Worlds, Worlds]:
        sides: tuple[Worlds, Worlds] = ({}, {})
        for context, tokens in worlds.items():
            ways = self.known.get((id(guard), context))
            if ways is None:
                ways = self.known[id(guard), context] = tuple(self.conditions.decide(guard, context))
            for truth, after in ways:
                _add(sides[0 if truth else 1], after, tokens)
        return sides

    def jump(self, jump: fx.Jump, worlds: Worlds) -> Worlds:
        if jump.kind == "break" and self.breaks:
            _merge(self.breaks[-1], worlds)
        elif jump.kind == "continue" and self.continues:
            _merge(self.continues[-1], worlds)
        elif jump.kind == "return":
            _merge(self.returns[-1] if self.returns else self.returned, worlds)
        elif jump.kind == "raise" and self.tries:
            _merge(self.tries[-1], worlds)
        return {}

    def loop(self, loop: fx.Loop, worlds: Worlds) -> Worlds:
        """What a loop does to the same worlds is found out once, or loops in loops would double the work at each level."""
        if self.tries:
            return self.turns(loop, worlds)
        entered = (loop, frozenset(worlds.items()))
        if entered not in self.passed:
            self.returns.append({})
            after = self.turns(loop, worlds)
            self.passed[entered] = (after, self.returns.pop())
        after, returned = self.passed[entered]
        _merge(self.returns[-1] if self.returns else self.returned, returned)
        return after

    def turns(self, loop: fx.Loop, worlds: Worlds) -> Worlds:
        seen: Worlds = {}
        broken: Worlds = {}
        ended: Worlds = {}
        guard = loop.guard or TRUE
        frontier, out = self.split(guard, worlds)
        if loop.skippable and loop.guard is None:
            _merge(ended, worlds)
        if not loop.endless:
            _merge(ended, out)
        while frontier:
            self.cancel.check()
            _merge(seen, frontier)
            self.breaks.append({})
            self.continues.append({})
            after = _merged(self.block(loop.body, frontier), self.continues.pop())
            _merge(broken, self.breaks.pop())
            if loop.guard is None:
                if not loop.endless:
                    _merge(ended, after)
                inside = after
            else:
                inside, out = self.split(guard, after)
                _merge(ended, out)
            if not loop.repeats:
                break
            frontier = _beyond({context: self.go_round(loop, tokens) for context, tokens in inside.items()}, seen)
            if _count(seen) > 2 * _MAX_WORLDS:
                frontier = _beyond(self.without_conditions(frontier), seen)
        return _merged(self.block(loop.orelse, ended), broken)

    def attempt(self, region: fx.Try, worlds: Worlds) -> Worlds:
        jumps = (self.breaks, self.continues, self.returns)
        for collectors in jumps:
            collectors.append({})
        self.tries.append(dict(worlds))
        after = self.block(region.body, worlds)
        thrown = self.tries.pop()
        after = self.block(region.orelse, after)
        for handler in region.handlers:
            after = _merged(after, self.block(handler, thrown))
        leaving = [collectors.pop() for collectors in jumps]
        for collectors, left in zip(jumps, leaving, strict=True):
            target = collectors[-1] if collectors else self.returned
            _merge(target, self.block(region.final, left))
        return self.block(region.final, after)

    def go_round(self, loop: fx.Loop, tokens: Tokens) -> Tokens:
        after = self.known.get((loop, tokens))
        if after is None:
            around = loop.origin or loop
            after = self.known[loop, tokens] = frozenset(self.turn(around, token) for token in tokens)
        return after

    def turn(self, loop: fx.Loop, token: Any) -> Any:
        """The token when `loop`, one of the program, begins another turn."""
        return token

    @abstractmethod
    def apply(self, event: Event, token: Any) -> tuple[Any, ...]:
        """The tokens that there may be after `event`."""

    def event(self, event: Event, worlds: Worlds) -> Worlds:
        for observer in self.tries:
            _merge(observer, worlds)
        after = {}
        for context, tokens in worlds.items():
            result = self.known.get((event, tokens))
            if result is None:
                result = self.known[event, tokens] = frozenset(one for token in tokens for one in self.apply(event, token))
            after[context] = result
        return after


class _Automaton(Paths):
    def __init__(self, view: View, cancel: CancelFlag) -> None:
        super().__init__(view, cancel)
        self.facts = Lifecycle()

    def turn(self, loop: fx.Loop, token: Token) -> Token:
        recent = frozenset(event for event in token.recent if loop not in event.loops)
        if token.state not in (APPLIED, STALE) or not token.crossed.isdisjoint(self.around[loop]):
            return token._replace(recent=recent)
        outside = frozenset(other for other in token.crossed if loop not in self.around[other])
        return token._replace(recent=recent, crossed=outside | {loop})

    def apply(self, event: Event, token: Token) -> tuple[Token, ...]:
        self.facts.ran.add(event)
        self.facts.met.setdefault(event, set()).add(token.state)
        after = _TRANSITIONS[event.kind](self, event, token)
        if event.sure:
            return (after,)
        return (token, after, Token(CLEAR)) if event.clears else (token, after)

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

    def adjust(self, event: Event, token: Token) -> Token:
        return token

    def new(self, event: Event, token: Token) -> Token:
        return Token(CLEAR)

    def other(self, event: Event, token: Token) -> Token:
        self.facts.used |= token.pending
        return Token(UNKNOWN)

    def anything(self, event: Event, token: Token) -> Token:
        self.facts.used |= token.pending
        return Token(LOST)

    def compute(self, event: Event, token: Token) -> Token:
        """A call that may differentiate: what was clear may be fresh now, what was applied may be anything."""
        return Token(FRESH if token.state in (CLEAR, FRESH) else LOST, token.pending)


_REGIONS: dict[type, Callable[[Any, Any, Worlds], Worlds]] = {
    Event: Paths.event,
    fx.Block: Paths.block,
    fx.Branch: Paths.branch,
    fx.Loop: Paths.loop,
    fx.Call: Paths.call,
    fx.Try: Paths.attempt,
    fx.Jump: Paths.jump,
    fx.Count: Paths.count,
    fx.Forget: Paths.forget,
}

_TRANSITIONS = {
    Kind.BACKWARD: _Automaton.backward,
    Kind.WRITE: _Automaton.write,
    Kind.STEP: _Automaton.step,
    Kind.CLEAR: _Automaton.clear,
    Kind.READ: _Automaton.read,
    Kind.ADJUST: _Automaton.adjust,
    Kind.NEW: _Automaton.new,
    Kind.OTHER: _Automaton.other,
    Kind.ANYTHING: _Automaton.anything,
    Kind.COMPUTE: _Automaton.compute,
}


def _count(worlds: Worlds) -> int:
    return sum(map(len, worlds.values()))


def _add(worlds: Worlds, context: Context, tokens: Tokens) -> None:
    present = worlds.get(context)
    worlds[context] = tokens if present is None or present is tokens else present | tokens


def _merge(worlds: Worlds, more: Worlds) -> None:
    for context, tokens in more.items():
        _add(worlds, context, tokens)


def _merged(one: Worlds, other: Worlds) -> Worlds:
    if not one or not other:
        return one or other
    result = dict(one)
    _merge(result, other)
    return result


def _beyond(worlds: Worlds, seen: Worlds) -> Worlds:
    """What is not in `seen`."""
    rest = {context: tokens - seen.get(context, frozenset()) for context, tokens in worlds.items()}
    return {context: tokens for context, tokens in rest.items() if tokens}
