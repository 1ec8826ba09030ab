"""Who holds which parameters: optimizers as views on parameter sets, and what each effect means to a set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from ...program import effects as fx
from ...program.frameworks.table import closure_runs
from ...program.naming import affinity
from ...program.program import Entry
from ...program.things import Parameters, Role, Thing
from .families import Families
from .kinds import is_engine, is_model, is_optimizer, may_be_optimizer
from .kinship import graphs_within, is_copy, reach, related, related_by_holding, root_of


class Relation(Enum):
    """Whether an effect concerns a parameter set: surely, possibly, or not."""

    NO = 0
    MAYBE = 1
    YES = 2


@dataclass(eq=False, slots=True)
class ParameterSet:
    """The parameters that `optimizers` hold: those of `owners`, and unknown others where `opaque`."""

    optimizers: list[Thing]
    owners: frozenset[Thing]
    opaque: bool

    @property
    def name(self) -> str:
        return self.optimizers[0].name or "optimizer"

    def part_of(self, other: ParameterSet) -> bool:
        """Some of the parameters of `other`, and not all."""
        return self.owners < other.owners and self.optimizers is other.optimizers

    @property
    def certain(self) -> bool:
        """Both the optimizer and what it holds were built in sight."""
        return not self.opaque and all(optimizer.in_sight for optimizer in self.optimizers)

    @property
    def needs_closure(self) -> bool:
        """Its step differentiates by itself, through a closure."""
        return any(closure_runs(optimizer.created_by or "") is not None for optimizer in self.optimizers)

    @property
    def engine(self) -> Thing | None:
        """What differentiates, steps and clears by itself among the optimizers: whoever has one calls no other."""
        return next((optimizer for optimizer in self.optimizers if is_engine(optimizer)), None)

    @property
    def local(self) -> bool:
        """No code out of sight can reach an optimizer of this set."""
        return all(_local(optimizer) for optimizer in self.optimizers)


def _local(thing: Thing) -> bool:
    return thing.in_sight and not thing.escaped and all(_local(owner) for owner in thing.owners if owner is not thing)


@dataclass(eq=False)
class Wiring:
    """The parameter sets of one entry."""

    sets: list[ParameterSet]
    hooks: list[fx.Hook] = field(default_factory=list)
    look_alikes: bool = False
    effects: list[fx.Effect] = field(default_factory=list)
    everywhere: tuple[Entry, ...] = ()
    set_of: dict[Thing, ParameterSet] = field(init=False)
    _memo: dict[tuple[frozenset[Thing], ParameterSet], bool] = field(default_factory=dict)
    _pairs: dict[tuple[str, ...], list[ParameterSet]] = field(default_factory=dict)
    _known: dict[frozenset[Thing], bool] = field(default_factory=dict)
    _idle_sets: dict[ParameterSet, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.set_of = {optimizer: target for target in self.sets for optimizer in target.optimizers}

    def backward(self, effect: fx.Backward, target: ParameterSet) -> Relation:
        loss = effect.loss
        if (allowed := self._allowed(effect, target)) is not Relation.YES:
            return allowed
        if self.touches(loss.sources, target):
            return Relation.YES
        if self.look_alikes or self.touches(graphs_within(loss.sources), target):
            return Relation.MAYBE
        if target.certain and self._idle(target):
            return Relation.NO
        if loss.sources and all(is_copy(source) for source in loss.sources):
            return Relation.MAYBE
        if len(self.sets) == 1:
            elsewhere = target.certain and not loss.opaque and _all_in_sight(loss.sources)
            if elsewhere and loss.sources:
                return Relation.NO
            return Relation.MAYBE if elsewhere else Relation.YES
        known = not loss.opaque and bool(loss.sources) and not target.opaque and bool(target.owners)
        if known and (self._touches_any(loss.sources) or (target.certain and _all_in_sight(loss.sources))):
            return Relation.NO
        paired = self._paired((effect.text, *(thing.name for thing in loss.sources)))
        if target in paired:
            return Relation.YES
        if known and paired:
            return Relation.NO
        if target.certain:
            return Relation.MAYBE
        meant = effect in self._for_the_step[target] or (self._only_loss and not paired)
        return Relation.YES if meant else Relation.MAYBE

    def _allowed(self, effect: fx.Backward, target: ParameterSet) -> Relation:
        """Whether the set may get gradients, where those of all optimizers but some are switched off."""
        chosen = [self.set_of.get(optimizer) for optimizer in effect.only]
        if not chosen or target in chosen or None in chosen:
            return Relation.YES
        shares = any(self.touches(other.owners, target) for other in chosen if other is not None)
        return Relation.MAYBE if shares else Relation.NO

    @cached_property
    def _only_loss(self) -> bool:
        """One loss is differentiated here: whatever steps here steps for it."""
        return len({effect.text for effect in self.effects if isinstance(effect, fx.Backward)}) == 1

    @cached_property
    def _for_the_step(self) -> dict[ParameterSet, set[fx.Backward]]:
        """By set the last backward before each of its steps, where nothing is computed or cleared for others in between."""
        found: dict[ParameterSet, set[fx.Backward]] = defaultdict(set)
        last: fx.Backward | None = None
        cleared: set[ParameterSet | None] = set()
        applied = False
        for effect in self.effects:
            if isinstance(effect, fx.Backward):
                last, cleared, applied = effect, set(), False
            elif isinstance(effect, fx.Forward) or (isinstance(effect, fx.Clear) and applied):
                last = None
            elif isinstance(effect, fx.Clear):
                cleared |= {self.set_of.get(holder) for holder in effect.holders} or {None}
            elif isinstance(effect, fx.Step) and last is not None:
                own = {self.set_of[optimizer] for optimizer in effect.optimizers if optimizer in self.set_of}
                applied = True
                if len(own) == 1 and cleared <= own:
                    found[own.pop()].add(last)
        return found

    def idle_parts(self, target: ParameterSet) -> list[ParameterSet]:
        """What single optimizers of the set hold, where no loss can reach it: the others are used in their place."""
        parts = []
        for optimizer in target.optimizers if len(target.optimizers) > 1 else ():
            held = optimizer.parameters
            if held is not None and held.owners and not held.opaque and held.owners != target.owners and optimizer.in_sight:
                part = ParameterSet([optimizer], held.owners, opaque=False)
                if self._idle(part):
                    parts.append(part)
        return parts

    def _idle(self, target: ParameterSet) -> bool:
        """Its parameters belong to objects that are built here, compute nothing anywhere, and are known to nobody else."""
        known = self._idle_sets.get(target)
        if known is None:
            known = (
                bool(target.owners)
                and all(owner in self.built or (owner.in_sight and not owner.name) for owner in target.owners)
                and not any(owner.owners or owner.escaped or _holds_any(owner, target.optimizers) for owner in target.owners)
                and not self.touches(self._workers.near(target.owners), target)
            )
            self._idle_sets[target] = known
        return known

    @cached_property
    def built(self) -> set[Thing]:
        return {effect.thing for effect in self.effects if isinstance(effect, fx.Create)}

    @cached_property
    def _workers(self) -> Families:
        """What computes something, or is handed out, anywhere."""
        workers = Families()
        for target in self.sets:
            for owner in target.owners:
                workers.enter(owner)
        for entry in self.everywhere:
            for forward in entry.of(fx.Forward):
                workers.gather((forward.thing,))
            for unseen in entry.of(fx.Unseen):
                workers.gather(unseen.touches)
            for backward in entry.of(fx.Backward):
                workers.gather(_behind(backward.loss.sources))
        return workers

    def clear(self, effect: fx.Clear, target: ParameterSet) -> Relation:
        if len(effect.holders) > 1 and target.owners and not target.opaque and target.owners <= set(effect.holders):
            return Relation.YES
        results = [self._cleared_through(holder, target) for holder in effect.holders]
        if effect.parameters is not None:
            own = self._of_parameters(effect.parameters, target)
            results.append(Relation.MAYBE if effect.parameters.named and own is Relation.YES else own)
        if not results:
            return Relation.NO
        if all(result is Relation.YES for result in results):
            return Relation.YES
        return Relation.NO if all(result is Relation.NO for result in results) else Relation.MAYBE

    def cover(self, clears: Iterable[fx.Clear], target: ParameterSet) -> bool:
        """All of `clears`, each of one object, leave nothing of the set."""
        single = [cleared for clear in clears if (cleared := _cleared_whole(clear)) is not None]
        holders = [owner for one in single for owner in (self.set_of[one].owners if one in self.set_of else (one,))]
        return not target.opaque and all(
            any(owner.within(holder) or related_by_holding(owner, holder) for holder in holders) for owner in target.owners
        )

    def step(self, effect: fx.Step, target: ParameterSet) -> Relation:
        own = [optimizer for optimizer in effect.optimizers if optimizer in target.optimizers]
        if own:
            return Relation.YES if len(own) == len(effect.optimizers) else Relation.MAYBE
        others = {self.set_of[optimizer] for optimizer in effect.optimizers if optimizer in self.set_of}
        if others:
            shares = any(self.touches(other.owners, target) for other in others)
            return Relation.MAYBE if shares else Relation.NO
        return Relation.MAYBE if any(may_be_optimizer(thing) for thing in effect.optimizers) else Relation.NO

    def hooked(self, target: ParameterSet) -> bool:
        """A hook takes the gradients of this set as they arrive."""
        return any(self.gradients(hook.parameters, target) is not Relation.NO for hook in self.hooks)

    def gradients(self, parameters: Parameters, target: ParameterSet) -> Relation:
        """Does touching `.grad` of `parameters` touch this set?"""
        result = self._of_parameters(parameters, target)
        return Relation.MAYBE if result is Relation.NO and parameters.opaque else result

    def holds_optimizer(self, touched: Iterable[Thing], target: ParameterSet) -> bool:
        """An object among `touched` is an optimizer of the set or gives access to one."""
        return any(
            optimizer.within(thing) or (optimizer in thing.holds and thing.role is Role.OPTIMIZER) or optimizer in reach(thing)
            for thing in touched
            for optimizer in target.optimizers
        )

    def touches(self, things: Iterable[Thing], target: ParameterSet) -> bool:
        """Parameters of one of `things` belong to the set, as far as anyone can see."""
        key = (frozenset(things), target)
        known = self._memo.get(key)
        if known is None:
            known = self._memo[key] = any(related(thing, owner) for thing in key[0] for owner in target.owners)
        return known

    def _touches_any(self, things: frozenset[Thing]) -> bool:
        if things not in self._known:
            self._known[things] = any(self.touches(things, target) for target in self.sets)
        return self._known[things]

    def replaces(self, thing: Thing, target: ParameterSet) -> bool:
        """`thing` owns every parameter of the set."""
        return bool(target.owners) and all(owner.within(thing) for owner in target.owners)

    def may_belong(self, things: Iterable[Thing], target: ParameterSet) -> bool:
        """One of `things` is a model of the set, or out of sight and the only candidate."""
        things = [thing for thing in things if thing.role in (None, Role.MODULE, Role.INSTANCE, Role.LEAF)]
        if self.touches([thing for thing in things if not thing.carries or is_model(thing)], target):
            return True
        if target.certain or len(self.sets) > 1:
            return False
        return any(not thing.in_sight and is_model(thing) for thing in things)

    def _paired(self, names: tuple[str, ...]) -> list[ParameterSet]:
        """The sets whose optimizers' names point at one of `names`, those that do most."""
        if names not in self._pairs:
            degrees = {
                target: max(affinity(optimizer.name, name) for optimizer in target.optimizers for name in names)
                for target in self.sets
            }
            most = max(degrees.values(), default=0)
            self._pairs[names] = [target for target, degree in degrees.items() if degree == most] if most else []
        return self._pairs[names]

    def _cleared_through(self, holder: Thing, target: ParameterSet) -> Relation:
        if holder in target.optimizers:
            return Relation.YES
        other = self.set_of.get(holder)
        if other is None:
            return self._of_owner(holder, target)
        if not self.touches(other.owners, target):
            return Relation.NO
        covers = all(any(owner.within(mine) for mine in other.owners) for owner in target.owners)
        return Relation.YES if covers and not target.opaque else Relation.MAYBE

    def _of_parameters(self, parameters: Parameters, target: ParameterSet) -> Relation:
        owners = {
            inner
            for owner in parameters.owners
            for inner in ((owner,) if owner in target.optimizers or not owner.parameters else owner.parameters.owners)
        }
        if any(owner in target.optimizers for owner in owners):
            return Relation.YES
        whole = bool(target.owners) and not (parameters.partial or target.opaque)
        if whole and all(any(mine.within(owner) for owner in owners) for mine in target.owners):
            return Relation.YES
        results = [self._of_owner(owner, target) for owner in owners]
        if any(result is Relation.YES for result in results):
            return Relation.YES
        if parameters.opaque or any(result is Relation.MAYBE for result in results):
            return Relation.YES if len(self.sets) == 1 and not owners else Relation.MAYBE
        return Relation.NO

    def _of_owner(self, holder: Thing, target: ParameterSet) -> Relation:
        if self.touches((holder,), target):
            covers = all(owner.within(holder) or related_by_holding(owner, holder) for owner in target.owners)
            return Relation.YES if covers and not target.opaque else Relation.MAYBE
        if any(self.touches((holder,), whole) for whole in self.sets if target.part_of(whole)):
            return Relation.NO
        if len(self.sets) == 1:
            certain = holder.in_sight and target.certain and bool(target.owners)
            return Relation.MAYBE if certain else Relation.YES
        if target.certain and target.owners and (holder.in_sight or self._touches_any(frozenset({holder}))):
            return Relation.NO
        paired = self._paired((holder.name,))
        if target in paired:
            return Relation.YES
        return Relation.NO if paired else Relation.MAYBE


def _wraps(outer: Thing, inner: Thing) -> bool:
    """`inner` is an attribute of the other, and no member of it as a collection."""
    return inner.parent is outer and not inner.member


def _cleared_whole(clear: fx.Clear) -> Thing | None:
    """The one object that a clear leaves no gradient of."""
    if len(clear.holders) == 1:
        return clear.holders[0]
    owners = clear.parameters.owners if clear.parameters is not None and not clear.parameters.partial else frozenset()
    return next((owner for owner in owners if len(owners) == 1 and owner.role is Role.LEAF), None)


def _holds_any(thing: Thing, optimizers: Iterable[Thing]) -> bool:
    return any(thing in optimizer.owners for optimizer in optimizers)


def _all_in_sight(things: Iterable[Thing]) -> bool:
    return all(root_of(thing).in_sight for thing in things)


def _behind(sources: Iterable[Thing]) -> set[Thing]:
    """The sources of a value, and what those that were returned from out of sight were computed from."""
    found: set[Thing] = set()
    waiting = list(sources)
    while waiting:
        thing = waiting.pop()
        if thing not in found:
            found.add(thing)
            waiting.extend(thing.carries)
    return found


def wire(entry: Entry, look_alikes: bool = False, everywhere: Sequence[Entry] = ()) -> Wiring:
    """The parameter sets of an entry: optimizers that share a view, or stand in for each other, share a set.

    `everywhere` are all entries of the program. They are the same for all who ask for the same entry.
    """
    key = ("wiring", look_alikes, bool(everywhere))
    if key not in entry.derived:
        entry.derived[key] = _wire(entry, look_alikes, everywhere)
    wiring: Wiring = entry.derived[key]
    return wiring


def _wire(entry: Entry, look_alikes: bool, everywhere: Sequence[Entry]) -> Wiring:
    optimizers: dict[Thing, None] = {}
    together: list[tuple[Thing, ...]] = []
    known: dict[Thing, bool] = {}
    for effect in entry.effects:
        kind = effect.__class__
        if kind is not fx.Step and kind is not fx.Clear and kind is not fx.Create:
            continue
        if isinstance(effect, fx.Step):
            things = effect.optimizers
        elif isinstance(effect, fx.Clear):
            things = effect.holders
        else:
            assert isinstance(effect, fx.Create)
            things = (effect.thing,)
        known.update((thing, is_optimizer(thing)) for thing in things if thing not in known)
        found = tuple(thing for thing in things if known[thing])
        optimizers.update(dict.fromkeys(found))
        if len(found) > 1:
            together.append(found)
    sets: list[ParameterSet] = []
    place: dict[Thing, int] = {}
    owned: dict[frozenset[Thing], list[int]] = defaultdict(list)
    groups: dict[Thing, list[tuple[Thing, ...]]] = defaultdict(list)
    for group in together:
        for thing in group:
            groups[thing].append(group)
    for optimizer in optimizers:
        parameters = optimizer.parameters or Parameters(opaque=True)
        owners = frozenset(
            inner
            for owner in parameters.owners
            for inner in (owner.parameters.owners if owner.role is Role.OPTIMIZER and owner.parameters else (owner,))
        )
        near = [place[other] for group in groups[optimizer] for other in group if other in place]
        near += [place[held] for held in reach(optimizer) if held in place]
        near += [place[other] for other in place if _wraps(optimizer, other) or _wraps(other, optimizer)]
        if owners and not parameters.opaque:
            near += [number for number in owned[owners] if sets[number].owners == owners and not sets[number].opaque]
        if near:
            number = min(near)
            same = sets[number]
            same.optimizers.append(optimizer)
            same.owners, same.opaque = same.owners | owners, same.opaque or parameters.opaque
        else:
            number = len(sets)
            sets.append(ParameterSet([optimizer], owners, parameters.opaque))
        place[optimizer] = number
        owned[sets[number].owners].append(number)
    return Wiring(sets, entry.of(fx.Hook), look_alikes, entry.effects, tuple(everywhere) or (entry,))
