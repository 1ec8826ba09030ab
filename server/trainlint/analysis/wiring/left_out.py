"""Modules and parameters that losses train and no optimizer holds."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property

from ...program import effects as fx
from ...program.frameworks.table import is_empty_base
from ...program.in_place import WRITTEN
from ...program.naming import LOSS, affinity, names_optimizer, suggests
from ...program.program import Program
from ...program.things import Choice, Constant, Many, Mapping, Role, Sequence, Thing, Value
from ...program.values import things_in
from ...source.parse import Site
from ..flow.gradients import Gradients
from ..flow.graph import Node
from ..models.modules import Content, Modules
from ..paths.order import Order, Orders
from .kinds import is_model
from .kinship import may_be, related, root_of

_ON_PURPOSE = re.compile(r"target|teacher|ema|momentum|fixed|frozen|random|reservoir|prior|reference|pretrain", re.IGNORECASE)
_OPTIMIZER_USES = frozenset({"step", "zero_grad", "param_groups"})


@dataclass(frozen=True, slots=True)
class LeftOut:
    """`backward` reaches the parameters of `module`, built in sight, which no optimizer holds.

    `optimizer` steps what else it reaches.

    `of_loss`: it is the loss that has them. `argument` is what the optimizer was given, where it could be given more; `instead`:
    another optimizer holds all that too.
    """

    module: Thing
    built: ast.AST
    backward: fx.Backward
    optimizer: Thing
    optimizer_built: Site
    of_loss: bool
    argument: ast.expr | None
    instead: bool


class LeftOuts:
    def __init__(self, program: Program, orders: Orders, gradients: Gradients, modules: Modules, frozen: set[Thing]) -> None:
        self._program = program
        self._orders = orders
        self._gradients = gradients
        self._modules = modules
        self._frozen = frozen

    @cached_property
    def all(self) -> list[LeftOut]:
        """Each module once."""
        if not self._all_optimizers_known():
            return []
        found: dict[Thing, LeftOut] = {}
        for order in self._orders.all:
            for backward in order.all(fx.Backward):
                for one in self._of_backward(order, backward):
                    found.setdefault(one.module, one)
        return list(found.values())

    def _all_optimizers_known(self) -> bool:
        """Every optimizer was built in sight, over parameters in sight."""
        for thing in self._program.things:
            if thing.role is Role.OPTIMIZER:
                held = thing.parameters
                if held is None or held.opaque or not held.owners or not thing.in_sight:
                    return False
            elif thing.role in (Role.ACCELERATOR, Role.ENGINE) or (
                thing.role is None and not thing.data and (thing.uses & _OPTIMIZER_USES or names_optimizer(thing.name))
            ):
                return False
        return not any(effect.parameters.opaque for _, effect in self._orders.effects(fx.Extend))

    @cached_property
    def _held(self) -> set[Thing]:
        """All that the optimizers hold: what they were given, and whatever that is made of."""
        waiting = [owner for thing in self._program.things if thing.parameters is not None for owner in thing.parameters.owners]
        found: set[Thing] = set()
        while waiting:
            thing = waiting.pop()
            if thing in found:
                continue
            found.add(thing)
            waiting.extend(thing.holds)
            values: list[Value] = [*thing.positional, *thing.arguments.values()]
            values.extend(binding.value for binding in self._program.bindings(thing))
            if thing.copy_of is not None:
                values.append(thing.copy_of)
            waiting.extend(inner for value in values for inner in things_in(value))
        return found

    @cached_property
    def _containers(self) -> dict[Thing, list[Thing]]:
        """The modules that were built from a module, or have it as an attribute or in one."""
        found: dict[Thing, list[Thing]] = {}
        for thing in self._program.things:
            if thing.role is not Role.MODULE:
                continue
            values: list[Value] = [*thing.positional, *thing.arguments.values(), *thing.holds]
            values.extend(binding.value for binding in self._program.bindings(thing))
            for inner in {inner for value in values for inner in things_in(value)}:
                found.setdefault(inner, []).append(thing)
        return found

    def _around(self, thing: Thing) -> set[Thing]:
        """The module and all that it is a part of."""
        found: set[Thing] = set()
        waiting = [thing]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting.extend(self._containers.get(one, ()))
                waiting.extend(owner for owner in one.owners if owner.role is Role.MODULE)
        return found

    def _is_held(self, thing: Thing) -> bool:
        """An optimizer holds it, a part of it, or some part of what it is in that cannot be told apart from it."""
        around = self._around(thing)
        if not around.isdisjoint(self._held):
            return True
        parts = {held.parent for held in self._held if held.parent is not None and not held.in_sight}
        return bool(parts & around) or any(thing.within(held) or held.within(thing) for held in self._held)

    def _of_backward(self, order: Order, backward: fx.Backward) -> list[LeftOut]:
        reach = self._gradients.reach(Node(backward.loss))
        left = [thing for thing in (*reach.modules, *reach.leaves) if self._starts_here(thing) and not self._is_held(thing)]
        if not left:
            return []
        reached = reach.modules | reach.leaves
        stepping = [
            (built, step)
            for _, built in self._orders.effects(fx.Create)
            if built.thing.role is Role.OPTIMIZER and self._trains(built.thing, reached)
            for step in order.all(fx.Step)
            if built.thing not in self._frozen and step.optimizers == (built.thing,) and order.before(backward, step)
        ]
        if not stepping:
            return []
        optimizer, built = stepping[0][0].thing, stepping[0][0].site
        found: dict[Thing, LeftOut] = {}
        for thing in left:
            top = self._top(thing)
            if top.node is None or self._is_out_of_hand(top, thing) or _ON_PURPOSE.search(top.name):
                continue
            of_loss = top.cls is not None and (suggests(top.name, LOSS) or suggests(top.cls.name, LOSS))
            alone = len({one.thing for one, _ in stepping}) == 1 and not self._is_nearer_to_another(top, optimizer)
            argument = self._argument(order, optimizer, built, top) if alone else None
            instead = self._is_held_twice(optimizer)
            found.setdefault(top, LeftOut(top, top.node, backward, optimizer, built, of_loss, argument, instead))
        return list(found.values())

    def _is_nearer_to_another(self, module: Thing, optimizer: Thing) -> bool:
        """By their names another optimizer is the one for `module`."""
        near = affinity(optimizer.name, module.name)
        others = (thing for thing in self._program.things if thing.role is Role.OPTIMIZER and thing is not optimizer)
        return any(affinity(other.name, module.name) > near for other in others)

    def _is_held_twice(self, optimizer: Thing) -> bool:
        """Another optimizer holds all that this one does."""
        mine = optimizer.parameters.owners if optimizer.parameters is not None else frozenset()
        others = [thing.parameters for thing in self._program.things if thing.role is Role.OPTIMIZER and thing is not optimizer]
        return any(other is not None and mine <= other.owners for other in others)

    def _starts_here(self, thing: Thing) -> bool:
        """Built in sight, from nothing, with parameters that are drawn or set here."""
        if not thing.in_sight or thing.copy_of is not None or thing.node is None:
            return False
        if thing.role is Role.LEAF:
            made = (thing.created_by or "").rpartition(".")[2]
            return (
                made == "Parameter"
                and thing.arguments.get("requires_grad", Constant(True)) == Constant(True)
                and bool(thing.owners)
            )
        made_by_function = thing.cls is None and (thing.created_by or "").rpartition(".")[2][:1].islower()
        return thing.role is Role.MODULE and not made_by_function and bool(self._modules.contains(thing, Content.DRAWN))

    def _trains(self, optimizer: Thing, reached: set[Thing]) -> bool:
        owners = optimizer.parameters.owners if optimizer.parameters is not None else frozenset()
        models = [owner for owner in owners if owner.role is not Role.LEAF]
        return any(related(thing, owner) or owner in self._around(thing) for owner in models for thing in reached)

    def _top(self, thing: Thing) -> Thing:
        """The outermost module around it of which no optimizer holds any part."""
        top, seen = thing, {thing}
        while True:
            outer = [
                one
                for one in (*self._containers.get(top, ()), *top.owners)
                if one not in seen and one.in_sight and one.role is Role.MODULE and not self._holds_held(one)
            ]
            if not outer:
                return top
            top = outer[0]
            seen.add(top)

    def _holds_held(self, module: Thing) -> bool:
        return module in self._around_held or self._is_held(module)

    @cached_property
    def _around_held(self) -> set[Thing]:
        """All modules with a part that an optimizer holds: no number or text that several were built with."""
        parts = (held for held in self._held if held.role in (Role.MODULE, Role.LEAF) or is_model(held))
        return {outer for held in parts for outer in self._around(held)}

    def _is_out_of_hand(self, top: Thing, thing: Thing) -> bool:
        """The program freezes it, loads it, hands it out of sight, or looks after its gradients or values itself."""
        if top.cls is not None and not all(is_empty_base(name) for name in top.cls.outside):
            return True
        around = self._around(thing)
        if any(WRITTEN in one.uses for one in (top, *around) if one is top or one is not thing):
            return True
        for order in self._orders.all:
            for moment in order.moments:
                effect = moment.effect
                others: tuple[Thing, ...] = ()
                if isinstance(effect, (fx.Freeze, fx.Read, fx.Write, fx.Hook)):
                    if effect.parameters.opaque:
                        return True
                    others = tuple(effect.parameters.owners)
                elif isinstance(effect, fx.Unseen):
                    others = tuple(effect.touches)
                elif isinstance(effect, (fx.Overwrite, fx.Renew)):
                    others = effect.things
                elif isinstance(effect, fx.Mode) and effect.training is False and len(effect.things) == 1:
                    others = tuple(one for one in effect.things if one in around and one not in self._set_to_train)
                elif isinstance(effect, fx.Mark):
                    others = tuple(things_in(effect.holder))
                if any(_may_be(mine, other) for other in others for mine in (top, *around)) or not around.isdisjoint(others):
                    return True
        return top.escaped or thing.escaped

    @cached_property
    def _set_to_train(self) -> set[Thing]:
        return {thing for _, effect in self._orders.effects(fx.Mode) if effect.training is True for thing in effect.things}

    def _argument(self, order: Order, optimizer: Thing, built: Site, top: Thing) -> ast.expr | None:
        """What the optimizer is given, if `top` was built before it, under a name of the same function."""
        call, given = built.node, optimizer.arguments.get("params")
        if not isinstance(call, ast.Call) or not call.args or isinstance(call.args[0], ast.Starred):
            return None
        if isinstance(given, (Mapping, Many, Choice, Thing)) or (
            isinstance(given, Sequence) and any(isinstance(one, Mapping) for one in given.items)
        ):
            return None
        creates = [create for create in order.all(fx.Create) if create.thing is top]
        late = not creates or creates[0].site.function is not built.function or not top.name
        mine = next((create for create in order.all(fx.Create) if create.thing is optimizer), None)
        return None if late or mine is None or not order.sure_before(creates[0], mine) else call.args[0]


def _may_be(one: Thing, other: Thing) -> bool:
    """As in general, but that a call out of sight does not return what it was not given."""
    return related(one, other) or (may_be(one, other) and not isinstance(root_of(other).node, ast.Call))
