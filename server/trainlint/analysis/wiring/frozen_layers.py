"""Layers that start from random weights, are handed to an optimizer, and are frozen for good."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.in_place import WRITTEN
from ...program.program import Program
from ...program.things import Role, Thing
from ...source.parse import Site
from ..flow.gradients import Gradients
from ..models.modules import Content, Modules
from ..paths.order import Order, Orders
from .frozen import covers, freeze_of, thaws
from .kinship import related

_ON_PURPOSE = re.compile(
    r"target|teacher|ema|momentum|fixed|frozen|freeze|random|reservoir|prior|reference|pretrain|key|slow|old|fourier|hash|"
    r"perceptual|backbone|feature",
    re.IGNORECASE,
)
_SET_BY_HAND = frozenset({"load_state_dict", "from_pretrained", WRITTEN})


@dataclass(frozen=True, slots=True)
class FrozenLayer:
    """`layer`, with random first weights, is frozen at `frozen` for good, although `optimizer`, built at `built`, holds it."""

    layer: Thing
    frozen: Site
    optimizer: Thing
    built: Site


class FrozenLayers:
    """`idle` are optimizers of which nothing trains at all."""

    def __init__(self, program: Program, orders: Orders, modules: Modules, gradients: Gradients, idle: set[Thing]) -> None:
        self._program = program
        self._orders = orders
        self._modules = modules
        self._gradients = gradients
        self._idle = idle

    def all(self) -> Iterator[FrozenLayer]:
        told: set[Thing] = set()
        for order, freeze in self._orders.effects(fx.Freeze):
            if freeze.trainable is not False or freeze.parameters.opaque or not self._steps:
                continue
            for layer in dict.fromkeys(self._layers(order, freeze)):
                holder = self._holder(layer) if layer not in told and self._starts_at_random(layer) else None
                if holder is None or not covers(freeze.parameters, layer) or not self._is_left_so(layer, freeze, holder):
                    continue
                told.add(layer)
                yield FrozenLayer(layer, freeze.site, holder.thing, holder.site)

    @property
    def _steps(self) -> list[tuple[Order, fx.Step]]:
        return list(self._orders.effects(fx.Step))

    def _layers(self, order: Order, freeze: fx.Freeze) -> Iterator[Thing]:
        """What is frozen, and the parts that it was given before."""
        owners = freeze.parameters.owners
        yield from owners
        for effect in order.until(freeze):
            if isinstance(effect, (fx.Assign, fx.Attach)) and isinstance(effect.value, Thing) and effect.thing in owners:
                yield effect.value

    def _starts_at_random(self, layer: Thing) -> bool:
        """Built in sight, and nothing but chance decides what is in it."""
        made_by_function = layer.cls is None and (layer.created_by or "").rpartition(".")[2][:1].islower()
        if layer.role is not Role.MODULE or not layer.in_sight or layer.copy_of is not None or made_by_function:
            return False
        named = " ".join((layer.name, layer.cls.name if layer.cls is not None else ""))
        if _ON_PURPOSE.search(named) or layer.uses & _SET_BY_HAND or self._program.parts_used(layer):
            return False
        return bool(self._modules.contains(layer, Content.DRAWN)) and not self._is_set(layer)

    def _is_set(self, layer: Thing) -> bool:
        """The program gives it weights, or code out of sight may have."""
        touched = [thing for _, effect in self._orders.effects(fx.Unseen) for thing in effect.touches]
        touched.extend(thing for _, loaded in self._orders.effects(fx.Overwrite) for thing in loaded.things)
        touched.extend(thing for _, renewed in self._orders.effects(fx.Renew) for thing in renewed.things)
        touched.extend(thing for _, grown in self._orders.effects(fx.Grow) for thing in grown.things)
        return any(related(layer, thing) for thing in touched)

    def _holder(self, layer: Thing) -> fx.Create | None:
        """Where an optimizer is built that holds the layer whole, and other things that train."""
        for _, built in self._orders.effects(fx.Create):
            held = built.thing.parameters if built.thing.role is Role.OPTIMIZER and built.thing not in self._idle else None
            if held is None or held.opaque or held.partial or held.detached:
                continue
            if any(layer.within(owner) for owner in held.owners) and any(
                built.thing in step.optimizers for _, step in self._steps
            ):
                return built
        return None

    def _is_left_so(self, layer: Thing, freeze: fx.Freeze, holder: fx.Create) -> bool:
        """It is frozen whenever the optimizer steps, and a loss depends on it through recorded computations."""
        steps = [(order, step) for order, step in self._steps if holder.thing in step.optimizers]
        if thaws(self._orders, layer) or freeze_of(self._orders, layer, steps) is None:
            return False
        return any(
            related(layer, one)
            for _, backward in self._orders.effects(fx.Backward)
            for one in self._gradients.of(backward).models
        )
