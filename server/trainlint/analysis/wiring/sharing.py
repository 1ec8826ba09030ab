"""Parameters that more than one optimizer holds, and copies that are trained for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.names import text_of
from ...program.things import Role, Thing
from ...source.parse import Site
from ..paths.order import Order, Orders
from ..paths.uses import only_trained


@dataclass(frozen=True, slots=True)
class SteppedTwice:
    """`second` applies gradients of `shared` that `first` has just applied: both hold its parameters.

    `needless`: the step of the one that steps elsewhere as well, else those of an optimizer all of whose parameters the other
    one holds, the later first.
    """

    first: Thing
    second: Thing
    shared: Thing
    first_step: Site
    second_step: Site
    needless: tuple[Site, ...]


def stepped_twice(orders: Orders) -> list[SteppedTwice]:
    found: dict[tuple[Thing, Thing], SteppedTwice] = {}
    for order in orders.all:
        earlier: dict[Thing, dict[fx.Step, int]] = {}
        for index, second in enumerate(order.all(fx.Step)):
            places = {place for optimizer in second.optimizers for owner in _owners(optimizer) for place in _places(owner)}
            near = {first: at for place in places for first, at in earlier.get(place, {}).items()}
            for first in sorted(near, key=near.__getitem__):
                one = _shared(order, first, second)
                if one is not None:
                    found.setdefault((one.first, one.second), one)
            for place in places:
                earlier.setdefault(place, {})[second] = index
    return list(found.values())


def _places(thing: Thing) -> Iterator[Thing]:
    """The object, all that it is a part of, and what holds it: where two have none of these in common, they share nothing."""
    whole: Thing | None = thing
    while whole is not None:
        yield whole
        whole = whole.parent
    yield from thing.owners
    root = thing
    while root.parent is not None:
        root = root.parent
        yield from root.owners


def _shared(order: Order, first: fx.Step, second: fx.Step) -> SteppedTwice | None:
    if len(first.optimizers) != 1 or len(second.optimizers) != 1 or first.clears:
        return None
    one, other = first.optimizers[0], second.optimizers[0]
    if one is other or not all(_whole(optimizer) for optimizer in (one, other)):
        return None
    shared = [owner for owner in _owners(one) for mine in _owners(other) if owner is mine or _part_of(owner, mine)]
    shared += [mine for mine in _owners(other) for owner in _owners(one) if _part_of(mine, owner)]
    if not shared or not order.sure_before(first, second) or any(_computes(effect) for effect in order.between(first, second)):
        return None
    if not any(order.sure_before(backward, first) for backward in order.all(fx.Backward)):
        return None
    again = [step for step in (second, first) if _steps_elsewhere(order, step)]
    if len(again) != 1:
        pairs = ((second, other, one), (first, one, other))
        again = [step for step, mine, others in pairs if all(_held(owner, others) for owner in _owners(mine))]
    return SteppedTwice(one, other, shared[0], first.site, second.site, tuple(step.site for step in again))


def _steps_elsewhere(order: Order, step: fx.Step) -> bool:
    return any(other.optimizers == step.optimizers and other.site.node is not step.site.node for other in order.all(fx.Step))


def _held(owner: Thing, optimizer: Thing) -> bool:
    return any(owner is whole or _part_of(owner, whole) for whole in _owners(optimizer))


def _computes(effect: fx.Effect) -> bool:
    """Other gradients may come, or these may go."""
    if isinstance(effect, fx.Unseen):
        return effect.may_clear or effect.loss.loss
    return isinstance(effect, (fx.Backward, fx.Clear, fx.Write, fx.Create, fx.Rebind, fx.Freeze))


def _whole(optimizer: Thing) -> bool:
    """It was built in sight, over all parameters of what it holds."""
    held = optimizer.parameters
    return optimizer.role is Role.OPTIMIZER and optimizer.in_sight and held is not None and not held.opaque and not held.partial


def _owners(optimizer: Thing) -> Iterator[Thing]:
    if optimizer.parameters is not None:
        yield from optimizer.parameters.owners


def _part_of(thing: Thing, whole: Thing) -> bool:
    while thing.parent is not None and not thing.any_member:
        thing = thing.parent
        if thing is whole:
            return True
    return whole in thing.owners and whole.role is Role.MODULE


@dataclass(frozen=True, slots=True)
class DiscardedCopy:
    """`copy` is trained, last at `trained`, and never looked at again.

    `original`, which nothing trains, is used at `place` instead.
    """

    copy: Thing
    original: Thing
    optimizer: Thing
    copied: Site
    trained: Site
    place: Site

    @property
    def used(self) -> str:
        """The original, as it is written where it is used."""
        return text_of(getattr(self.place.node, "func", self.place.node))


def discarded_copies(orders: Orders) -> list[DiscardedCopy]:
    found = []
    for order, create in orders.effects(fx.Create):
        copy, original = create.thing, create.thing.copy_of
        if original is None or not copy.name.isidentifier() or copy.escaped:
            continue
        optimizers = [thing for _, thing in _optimizers_over(orders, copy)]
        stepped = {thing for _, step in orders.effects(fx.Step) for thing in step.optimizers}
        if not optimizers or any(thing in stepped for _, thing in _optimizers_over(orders, original)):
            continue
        steps = [
            step for step in order.all(fx.Step) if not set(optimizers).isdisjoint(step.optimizers) and order.before(create, step)
        ]
        if not steps or any(
            set(optimizers) & set(step.optimizers) for other, step in orders.effects(fx.Step) if other is not order
        ):
            continue
        if not only_trained(create.site.function, copy.name):
            continue
        if any(isinstance(effect, fx.Forward) and effect.thing is copy for effect in order.after(steps[-1])):
            continue
        uses = [effect for effect in order.after(steps[-1]) if isinstance(effect, fx.Forward) and effect.thing is original]
        if uses and not any(_later_turn(order, steps[-1], use) for use in uses):
            found.append(DiscardedCopy(copy, original, optimizers[0], create.site, steps[-1].site, uses[0].site))
    return found


def _optimizers_over(orders: Orders, model: Thing) -> list[tuple[Order, Thing]]:
    return [
        (order, create.thing)
        for order, create in orders.effects(fx.Create)
        if create.thing.role is Role.OPTIMIZER and create.thing.parameters is not None
        if any(owner.within(model) or model.within(owner) for owner in create.thing.parameters.owners)
    ]


def _later_turn(order: Order, step: fx.Effect, use: fx.Effect) -> bool:
    """A loop leads from the use back to the step."""
    return any(loop.repeats and order.inside(use, loop) for loop in order.loops_around(step))
