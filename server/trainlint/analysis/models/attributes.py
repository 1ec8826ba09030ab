"""Attributes that are set on models, parameters and optimizers, where nothing ever looks at them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from ...program import effects as fx
from ...program.frameworks.table import has_given_rate
from ...program.names import text_of
from ...program.program import Program
from ...program.things import Constant, Mapping, Parameters, Role, Sequence, Tensor, Thing, Value
from ...source.nodes import walk
from ...source.parse import Site
from ..paths.order import Orders
from .modules import Modules, modules_in

# Only a module has these: an object of unknown class that is used by them is one.
_MODULE_USES = frozenset(
    {"parameters", "named_parameters", "children", "modules", "named_children", "named_modules", "train", "eval"}
)  # fmt: skip
_MISSPELLED = re.compile(r"req[a-z]{0,7}_?gr?a?r?d(ient)?s?_?", re.IGNORECASE)
_RATES = {
    "lr": "lr",
    "learning_rate": "lr",
    "momentum": "momentum",
    "weight_decay": "weight_decay",
    "betas": "betas",
    "eps": "eps",
}


class Idle(Enum):
    """What was meant by setting an attribute that nothing looks at."""

    FREEZE = "the switch of its parameters"
    SPELLING = "the attribute that decides whether gradients are computed"
    MODE = "its mode, and the method that sets it is gone"
    FLAG = "its mode and that of its parts"
    OPTION = "an option of its parameter groups"


@dataclass(frozen=True, slots=True)
class IdleAttribute:
    """`holder.attribute = value`, as it is written; `key` is the option that was meant, `groups` how many there are."""

    idle: Idle
    place: Site
    target: ast.Attribute
    assigned: ast.expr
    alone: bool
    attribute: str
    value: object
    certain: bool
    on_module: bool = False
    key: str = ""
    groups: int | None = None

    @property
    def holder(self) -> str:
        return text_of(self.target.value)


class Attributes:
    def __init__(self, program: Program, orders: Orders, modules: Modules) -> None:
        self._program = program
        self._orders = orders
        self._modules = modules

    @cached_property
    def idle(self) -> list[IdleAttribute]:
        """Each place once."""
        found: dict[ast.AST, IdleAttribute] = {}
        for order in self._orders.all:
            effects: list[fx.Assign | fx.Mark] = [*order.all(fx.Assign), *order.all(fx.Mark)]
            for effect in effects:
                one = self._judge(effect)
                if one is not None:
                    found.setdefault(one.target, one)
        return list(found.values())

    def _judge(self, effect: fx.Assign | fx.Mark) -> IdleAttribute | None:
        holder = effect.thing if isinstance(effect, fx.Assign) else effect.holder
        target, statement = effect.site.node, effect.site.statement
        if not isinstance(target, ast.Attribute) or not isinstance(statement, (ast.Assign, ast.AnnAssign)):
            return None
        assigned = statement.value
        if assigned is None or target not in (statement.targets if isinstance(statement, ast.Assign) else [statement.target]):
            return None
        name, value = effect.attribute, effect.value
        known = value.value if isinstance(value, Constant) else None
        alone = not isinstance(statement, ast.Assign) or len(statement.targets) == 1

        def one(idle: Idle, *, certain: bool, on_module: bool = False, key: str = "", groups: int | None = None) -> IdleAttribute:
            site = effect.site
            return IdleAttribute(idle, site, target, assigned, alone, name, known, certain, on_module, key, groups)

        module = isinstance(holder, Thing) and self._is_module(holder) and not self._has_own(holder, name, effect)
        certain = isinstance(holder, Thing) and holder.role is Role.MODULE
        if name == "requires_grad":
            return one(Idle.FREEZE, certain=certain, on_module=True) if module else None
        if name in ("train", "eval"):
            return one(Idle.MODE, certain=certain) if module and isinstance(known, bool) else None
        if name == "training":
            flag = module and isinstance(known, bool) and isinstance(holder, Thing) and self._has_parts(holder)
            return one(Idle.FLAG, certain=certain) if flag and not self._in_own_method(effect) else None
        if _MISSPELLED.fullmatch(name):
            if (module or _is_parameter(holder)) and not self._is_read(name):
                return one(Idle.SPELLING, certain=True, on_module=module)
            return None
        if name in _RATES and isinstance(holder, Thing) and holder.role is Role.OPTIMIZER and holder.in_sight:
            if has_given_rate(holder.created_by or ""):
                return None
            told = holder.cls is not None or self._is_read(name) or self._sets_groups(holder, effect)
            if not told:
                return one(Idle.OPTION, certain=True, key=_RATES[name], groups=self._groups(holder))
        return None

    def _is_module(self, thing: Thing) -> bool:
        return thing.role is Role.MODULE or (thing.role is None and not thing.data and bool(thing.uses & _MODULE_USES))

    def _has_own(self, thing: Thing, name: str, effect: fx.Effect) -> bool:
        """The class of the object gives the attribute a meaning of its own."""
        if thing.cls is None:
            return False
        info = thing.cls
        if any(name in one.constants or name in one.annotations for one in info.lineage()) or info.find("__setattr__"):
            return True
        if name not in ("train", "eval") and info.find(name) is not None:
            return True
        if any(
            binding.attribute == name and binding.site.node is not effect.site.node for binding in self._program.bindings(thing)
        ):
            return True
        functions = self._program.index.functions
        return name not in ("train", "eval") and any(
            name in functions[method].words for one in info.lineage() for method in one.methods.values() if method in functions
        )

    def _has_parts(self, thing: Thing) -> bool:
        """The module has modules inside."""
        if thing.cls is not None:
            return any(any(modules_in(value)) for value in (self._modules.parts(thing) or {}).values())
        made = thing.created_by or ""
        return made.rpartition(".")[2][:1].islower() or any(any(modules_in(value)) for value in thing.positional)

    def _in_own_method(self, effect: fx.Assign | fx.Mark) -> bool:
        """`self.training` in a method: the class speaks of itself."""
        function = effect.site.function
        first = function.args.args[:1] if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) else []
        holder = effect.site.node.value if isinstance(effect.site.node, ast.Attribute) else None
        return bool(first) and isinstance(holder, ast.Name) and holder.id == first[0].arg

    def _is_read(self, name: str) -> bool:
        """Some code of the file looks at an attribute of this name."""
        return any(
            isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load)
            for node in walk(self._program.tree)
        )

    def _sets_groups(self, optimizer: Thing, effect: fx.Effect) -> bool:
        """The same function sets the option where the optimizer looks, too."""
        return any(
            optimizer in other.optimizers
            and other.site.function is effect.site.function
            and isinstance(other.site.node, ast.Subscript)
            for _, other in self._orders.effects(fx.SetRate)
        )

    def _groups(self, optimizer: Thing) -> int | None:
        given = optimizer.arguments.get("params")
        if any(optimizer in effect.optimizers for _, effect in self._orders.effects(fx.Extend)):
            return None
        return len(given.items) if isinstance(given, Sequence) and any(isinstance(item, Mapping) for item in given.items) else 1


def _is_parameter(holder: Value) -> bool:
    if isinstance(holder, Thing):
        return holder.role is Role.LEAF
    return isinstance(holder, Parameters) or (isinstance(holder, Tensor) and holder.origin is not None)
