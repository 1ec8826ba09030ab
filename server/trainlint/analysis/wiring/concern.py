"""Which parameter sets an effect may mean something to, so that each set need not look at all effects of an entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...program import effects as fx
from ...program.things import Thing
from .families import Families
from .kinship import is_copy
from .sets import ParameterSet, Wiring

Concerned = frozenset[ParameterSet]
_NOBODY: Concerned = frozenset()
_FEW = 4


class Concern:
    """For each effect of an entry the sets that it may mean something to; None where that may be any."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._families = families = Families()
        for effect in wiring.effects:
            for thing in _things(effect):
                families.enter(thing)
        for target in wiring.sets:
            for thing in (*target.optimizers, *target.owners):
                families.enter(thing)
        self._sets: dict[object, Concerned] = {}
        for target in wiring.sets:
            for head in {families.of(thing) for thing in (*target.optimizers, *target.owners)}:
                self._sets[head] = self._sets.get(head, _NOBODY) | {target}
        self._vague = frozenset(one for one in wiring.sets if one.opaque or not one.owners)
        self._unsure = frozenset(one for one in wiring.sets if not (one.certain and one.owners))

    def related(self, things: Iterable[Thing]) -> Concerned:
        """The sets that one of `things` may be related to."""
        return _NOBODY.union(*(self._sets.get(self._families.of(thing), _NOBODY) for thing in things))

    def of(self, effect: fx.Effect) -> Concerned | None:
        if isinstance(effect, fx.Backward):
            return self._backward(effect)
        if isinstance(effect, fx.Step):
            return self._through(effect.optimizers) if effect.optimizers else None
        if isinstance(effect, fx.Clear):
            return self._clear(effect)
        if isinstance(effect, (fx.Write, fx.Read, fx.Adjust)):
            return None
        if isinstance(effect, (fx.Create, fx.Rebind)):
            return self.related((effect.thing,))
        if isinstance(effect, fx.Unseen):
            loss = effect.loss
            return None if loss.opaque and (loss.sources or loss.loss) else self.related(_things(effect))
        return _NOBODY

    def _through(self, optimizers: Iterable[Thing]) -> Concerned | None:
        """The sets of these optimizers, and those that share something with them."""
        sets = [self._wiring.set_of.get(optimizer) for optimizer in optimizers]
        if None in sets:
            return None
        return self.related(thing for target in sets if target for thing in (*target.optimizers, *target.owners))

    def _backward(self, effect: fx.Backward) -> Concerned | None:
        sources = effect.loss.sources
        if self._wiring.look_alikes or effect.loss.opaque or not sources or any(map(is_copy, sources)):
            return None
        near = self.related(sources)
        if not any(self._wiring.touches(sources, target) for target in near):
            return None
        return near | self._vague

    def _clear(self, effect: fx.Clear) -> Concerned | None:
        if effect.parameters is not None or not effect.holders:
            return None
        found = _NOBODY
        for holder in effect.holders:
            if holder in self._wiring.set_of:
                found |= self._through((holder,)) or _NOBODY
                continue
            near = self.related((holder,))
            if not holder.in_sight and not any(self._wiring.touches((holder,), target) for target in near):
                return None
            found |= near | self._unsure
        return found


def _things(effect: fx.Effect) -> Iterable[Thing]:
    if isinstance(effect, fx.Backward):
        return effect.loss.sources
    if isinstance(effect, fx.Step):
        return effect.optimizers
    if isinstance(effect, fx.Clear):
        return effect.holders
    if isinstance(effect, (fx.Create, fx.Rebind)):
        return (effect.thing,)
    return (*effect.touches, *effect.loss.sources) if isinstance(effect, fx.Unseen) else ()


class Parts:
    """A block with, for each set, what may concern it: every set has part in `common`, `own` takes its place for some."""

    def __init__(self, block: fx.Block, concern: Concern) -> None:
        self._common: dict[int, fx.Region] = {}
        self._own: dict[ParameterSet, dict[int, fx.Region]] = {}
        for index, item in enumerate(block.items):
            if isinstance(item, fx.Effect):
                self._effect(index, item, concern)
            elif isinstance(item, fx.Jump):
                self._common[index] = item
            else:
                self._region(index, item, [Parts(inner, concern) for inner in fx.blocks_of(item)])

    def _effect(self, index: int, item: fx.Effect, concern: Concern) -> None:
        concerned = None if isinstance(item, (fx.Count, fx.Forget)) else concern.of(item)
        if concerned is None:
            self._common[index] = item
        else:
            for target in concerned:
                self._own.setdefault(target, {})[index] = item

    def _region(self, index: int, item: fx.Region, inner: list[Parts]) -> None:
        if any(part._common for part in inner):
            self._common[index] = _with(item, [part.of(None) for part in inner])
        for target in dict.fromkeys(target for part in inner for target in part._own):
            self._own.setdefault(target, {})[index] = _with(item, [part.of(target) for part in inner])

    def of(self, target: ParameterSet | None) -> fx.Block:
        """What may concern `target`; what concerns every set where that is None."""
        own = self._own.get(target) if target is not None else None
        items = self._common | own if own else self._common
        return fx.Block([items[index] for index in sorted(items)])


def _with(region: fx.Region, blocks: list[fx.Block]) -> fx.Region:
    """The same region around other blocks, in the order of `blocks_of`."""
    if isinstance(region, (fx.Loop, fx.Branch)):
        return replace(region, body=blocks[0], orelse=blocks[1])
    if isinstance(region, fx.Call):
        return replace(region, body=blocks[0])
    if isinstance(region, fx.Try):
        body, *handlers, last, final = blocks
        return fx.Try(body, handlers, last, final)
    return blocks[0]


def bodies(wiring: Wiring, body: fx.Block) -> Iterator[tuple[ParameterSet, fx.Block]]:
    """Each set with what of `body` may concern it; with all of it where there are but a few sets."""
    if len(wiring.sets) <= _FEW:
        for target in wiring.sets:
            yield target, body
        return
    parts = Parts(body, Concern(wiring))
    for target in wiring.sets:
        yield target, parts.of(target)
