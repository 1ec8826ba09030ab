"""A program seen by one parameter set: its regions with only what happens to that set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from ...program import effects as fx
from ...program.guards import Flag, Guard, Periodic, Reached, atoms
from ...program.program import Entry
from ..wiring.kinds import is_engine
from ..wiring.sets import ParameterSet, Relation, Wiring

_MAX_FLAGS = 6


class Kind(Enum):
    BACKWARD = "backward"
    WRITE = "write"
    STEP = "step"
    CLEAR = "clear"
    READ = "read"
    ADJUST = "adjust"
    NEW = "new"
    OTHER = "other"
    ANYTHING = "anything"
    COMPUTE = "compute"
    CLIP = "clip"
    UNSCALE = "unscale"
    RESCALE = "rescale"
    MODE = "mode"

    __hash__ = object.__hash__


@dataclass(eq=False, slots=True)
class Event:
    """What one effect does to the set. `sure` is false where it may leave the set alone.

    NEW: other parameters with empty gradients. OTHER: the symbol stands for other parameters.
    ANYTHING: a call that may do everything. COMPUTE: a call that may differentiate, and clear where `clears`.
    ADJUST: gradients are changed in place, or looked at in order to.
    `loops` are the loops of the program around it, outermost first; `order` its place in the text of the program.
    """

    kind: Kind
    effect: fx.Effect
    sure: bool = True
    clears: bool = False
    loops: tuple[fx.Loop, ...] = ()
    order: int = 0


@dataclass(eq=False)
class View:
    """The pruned program of one set, its events, and the counters and flags its guards look at; and the loops `around` each loop
    of the program.

    It is looked at as if what is `supposed` held, or did not, all the time.
    """

    body: fx.Block
    events: list[Event]
    periods: dict[str, set[int | str]]
    bounds: dict[str, int]
    variables: frozenset[str]
    repeated: frozenset[str]
    around: dict[fx.Loop, tuple[fx.Loop, ...]]
    supposed: Mapping[Guard, bool] = field(default_factory=dict)

    @property
    def unconditional(self) -> View:
        """The same where conditions may hold or not at any time: more paths, and fewer to be told apart."""
        return replace(self, periods={}, bounds={}, variables=frozenset(), repeated=frozenset())


Item = "Event | fx.Region"


class Pruning(ABC):
    """Prunes an entry to the effects that `event` makes something of."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.loops: list[fx.Loop] = []
        self.around: dict[fx.Loop, tuple[fx.Loop, ...]] = {}
        self.periods: dict[str, set[int | str]] = {}
        self.bounds: dict[str, int] = {}
        self.variables: dict[str, frozenset[str]] = {}
        self.flags: Counter[str] = Counter()

    def view(self, entry: Entry) -> View:
        return self.view_of(entry.body)

    def view_of(self, whole: fx.Block) -> View:
        """The view of a body, or of the part of one that may mean something here."""
        body = self.block(whole)
        if not self.events:
            return View(fx.Block([]), [], {}, {}, frozenset(), frozenset(), self.around)
        _mark_adjusting(self.events)
        self._look(body)
        looked_at, counted = frozenset().union(*self.variables.values()), self.periods
        _trim(body, looked_at, counted)
        if self.variables or counted:
            self._look(body)
        repeated = frozenset(key for key, count in self.flags.most_common(_MAX_FLAGS) if count > 1)
        variables = frozenset().union(*(self.variables[key] for key in repeated))
        if variables != looked_at or self.periods.keys() != counted.keys():
            _trim(body, variables, self.periods)
        return View(body, self.events, self.periods, self.bounds, variables, repeated, self.around)

    def block(self, region: fx.Block) -> fx.Block:
        kept = []
        for item in region.items:
            pruned = self.prune(item)
            if pruned is not None:
                kept.append(pruned)
        return fx.Block(kept)

    def prune(self, region: fx.Region) -> fx.Region | None:
        kind = region.__class__
        if kind is fx.Count or kind is fx.Forget:
            return region
        if isinstance(region, fx.Effect):
            event = self.event(region)
            if event is None:
                return None
            event.loops, event.order = tuple(self.loops), len(self.events)
            self.events.append(event)
            return event  # type: ignore[return-value]
        if isinstance(region, fx.Block):
            block = self.block(region)
            return block if block.items else None
        if isinstance(region, fx.Jump):
            return region
        if isinstance(region, fx.Loop):
            return self._loop(region)
        if isinstance(region, fx.Branch):
            body, orelse = self.block(region.body), self.block(region.orelse)
            if not body.items and not orelse.items:
                return None
            return fx.Branch(region.guard, body, orelse, region.node)
        if isinstance(region, fx.Call):
            body = self.block(region.body)
            return fx.Call(region.node, region.name, body) if body.items else None
        body, last, final = self.block(region.body), self.block(region.orelse), self.block(region.final)
        handlers = [self.block(handler) for handler in region.handlers]
        if not any(part.items for part in (body, last, final, *handlers)):
            return None
        return fx.Try(body, handlers, last, final)

    def _loop(self, region: fx.Loop) -> fx.Region | None:
        before = len(self.events)
        self.around[region] = tuple(self.loops)
        self.loops.append(region)
        body = self.block(region.body)
        self.loops.pop()
        orelse = self.block(region.orelse)
        if len(self.events) == before and not _leaves_loop(body):
            return None
        return replace(region, body=body, orelse=orelse, origin=region)

    def _look(self, body: fx.Block) -> None:
        """Note down what the guards of a pruned body look at."""
        self.periods, self.bounds, self.variables, self.flags = {}, {}, {}, Counter()
        waiting: list[fx.Block] = [body]
        while waiting:
            for item in waiting.pop().items:
                waiting += fx.blocks_of(item)
                if isinstance(item, (fx.Branch, fx.Loop)) and item.guard is not None:
                    self._note(item.guard)

    def _note(self, guard: object) -> None:
        for atom in atoms(guard):  # type: ignore[arg-type]
            if isinstance(atom, Periodic):
                self.periods.setdefault(atom.counter, set()).add(atom.modulus)
            elif isinstance(atom, Reached):
                self.periods.setdefault(atom.counter, set())
                bound = abs(atom.value - atom.offset) + 1
                self.bounds[atom.counter] = max(self.bounds.get(atom.counter, 0), bound)
            elif isinstance(atom, Flag):
                self.variables[atom.key] = atom.variables
                self.flags[atom.key] += 1

    @abstractmethod
    def event(self, effect: fx.Effect) -> Event | None:
        """What `effect` is to whoever looks; None where it is nothing."""


class Projection(Pruning):
    """Prunes an entry to what concerns one set."""

    def __init__(self, wiring: Wiring, target: ParameterSet) -> None:
        super().__init__()
        self._partial_clears = 0
        self.wiring = wiring
        self.target = target

    def block(self, region: fx.Block) -> fx.Block:
        """Clears of one part after the other clear the set once all parts are done."""
        before = self._partial_clears
        pruned = super().block(region)
        if self._partial_clears == before:
            return pruned
        row: list[fx.Clear] = []
        for item in pruned.items:
            if isinstance(item, (fx.Count, fx.Forget)):
                continue
            clears = _only_clears(item)
            if not clears or any(event.sure for event in clears):
                row = []
                continue
            for event in clears:
                assert isinstance(event.effect, fx.Clear)
                row.append(event.effect)
                event.sure = len(row) > 1 and self.wiring.cover(row, self.target)
        return pruned

    def event(self, effect: fx.Effect) -> Event | None:
        """What `effect` does to the set; None where it leaves it alone."""
        make = _EVENTS.get(effect.__class__)
        return make(self, effect) if make is not None else None

    def _backward(self, effect: fx.Backward) -> Event | None:
        return _related(Kind.BACKWARD, effect, self.wiring.backward(effect, self.target))

    def _step(self, effect: fx.Step) -> Event | None:
        event = _related(Kind.STEP, effect, self.wiring.step(effect, self.target))
        if event is not None:
            event.clears = effect.clears or any(is_engine(thing) for thing in effect.optimizers)
        return event

    def _clear(self, effect: fx.Clear) -> Event | None:
        event = _related(Kind.CLEAR, effect, self.wiring.clear(effect, self.target))
        self._partial_clears += event is not None and not event.sure
        return event

    def _create(self, effect: fx.Create) -> Event | None:
        return Event(Kind.NEW, effect) if self.wiring.replaces(effect.thing, self.target) else None

    def _rebind(self, effect: fx.Rebind) -> Event | None:
        own = effect.thing in self.target.owners or (effect.thing in self.target.optimizers and not effect.thing.in_sight)
        return Event(Kind.OTHER, effect) if own and not effect.thing.in_sight else None

    def _unseen(self, effect: fx.Unseen) -> Event | None:
        if self.wiring.holds_optimizer(effect.touches, self.target):
            return Event(Kind.ANYTHING, effect)
        if self.wiring.may_belong(effect.touches, self.target):
            return Event(Kind.COMPUTE, effect, sure=False, clears=effect.may_clear)
        loss = effect.loss
        if loss.opaque and not loss.sources and not loss.loss:
            return None
        if (loss.loss or loss.sources) and (
            loss.opaque or self.wiring.touches(loss.sources, self.target) or len(self.wiring.sets) == 1
        ):
            return Event(Kind.COMPUTE, effect, sure=False)
        return None


def _of_gradients(kind: Kind) -> Callable[[Projection, fx.Write | fx.Read | fx.Adjust], Event | None]:
    def event(projection: Projection, effect: fx.Write | fx.Read | fx.Adjust) -> Event | None:
        return _related(kind, effect, projection.wiring.gradients(effect.parameters, projection.target))

    return event


_EVENTS: dict[type[fx.Effect], Callable[[Projection, Any], Event | None]] = {
    fx.Backward: Projection._backward,
    fx.Step: Projection._step,
    fx.Clear: Projection._clear,
    fx.Write: _of_gradients(Kind.WRITE),
    fx.Read: _of_gradients(Kind.READ),
    fx.Adjust: _of_gradients(Kind.ADJUST),
    fx.Create: Projection._create,
    fx.Rebind: Projection._rebind,
    fx.Unseen: Projection._unseen,
}


def _only_clears(item: Event | fx.Region) -> list[Event]:
    """The clears that `item` is, or that it surely runs one after the other and nothing beside them."""
    if isinstance(item, Event):
        return [item] if item.kind is Kind.CLEAR else []
    if isinstance(item, fx.Loop) and (item.skippable or item.repeats or item.orelse.items):
        return []
    if not isinstance(item, (fx.Loop, fx.Call, fx.Block)):
        return []
    parts = [inner for block in fx.blocks_of(item) for inner in block.items]
    inside = [_only_clears(inner) for inner in parts if not isinstance(inner, (fx.Count, fx.Forget))]
    return [event for events in inside for event in events] if all(inside) else []


def _mark_adjusting(events: list[Event]) -> None:
    """A function that looks at gradients and changes them before it clears them looks at them in order to."""
    adjusting: set[object] = set()
    for event in reversed(events):
        if event.kind is Kind.ADJUST:
            adjusting.add(event.effect.site.function)
        elif event.kind is Kind.CLEAR:
            adjusting.clear()
        elif event.kind is Kind.READ and event.effect.site.function in adjusting:
            event.kind = Kind.ADJUST


def _related(kind: Kind, effect: fx.Effect, relation: Relation) -> Event | None:
    return None if relation is Relation.NO else Event(kind, effect, sure=relation is Relation.YES)


def _trim(block: fx.Block, variables: Collection[str], counters: Collection[str]) -> None:
    """Take out what no condition looks at, and calls and branches in which nothing is left."""
    kept = []
    for item in block.items:
        for part in fx.blocks_of(item):
            _trim(part, variables, counters)
        if isinstance(item, fx.Forget):
            matters = item.variable in variables
        elif isinstance(item, fx.Count):
            matters = item.counter in counters
        elif isinstance(item, fx.Call):
            matters = not _only_returns(item.body)
        elif isinstance(item, fx.Branch):
            matters = any(part.items for part in fx.blocks_of(item))
        else:
            matters = True
        if matters:
            kept.append(item)
    block.items = kept


def _only_returns(block: fx.Block, *, surely: bool = True) -> bool:
    """Nothing in the body of a call matters but that it ends, perhaps by an error on some paths."""
    for item in block.items:
        if isinstance(item, fx.Jump):
            if item.kind == "raise" and surely:
                return False
        elif isinstance(item, (fx.Branch, fx.Try, fx.Block, fx.Loop)):
            inside = surely and isinstance(item, fx.Block)
            if not all(_only_returns(part, surely=inside) for part in fx.blocks_of(item)):
                return False
        else:
            return False
    return True


def _leaves_loop(block: fx.Block) -> bool:
    """A jump in the block leads further than the loop's own end."""
    for item in block.items:
        if isinstance(item, fx.Jump) and item.kind in ("return", "raise"):
            return True
        if isinstance(item, fx.Branch) and (_leaves_loop(item.body) or _leaves_loop(item.orelse)):
            return True
        if isinstance(item, (fx.Block,)) and _leaves_loop(item):
            return True
        if isinstance(item, (fx.Loop, fx.Try)) and _leaves_loop(item.body):
            return True
    return False
