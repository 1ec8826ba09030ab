"""Which parts of a module its own `parameters()` cannot see: layers in plain collections, plain tensors, lost parameters."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property

from ...program import effects as fx
from ...program.effects import leaves
from ...program.frameworks.table import registering
from ...program.machine import Binding
from ...program.program import Program
from ...program.scope import ClassInfo, Frame
from ...program.things import Many, Mapping, Role, Sequence, Tensor, Thing, Value
from ...program.values import things_in
from ...source.nodes import walk
from .modules import Modules, modules_in

_OWN_WAY = ("parameters", "named_parameters", "_apply", "modules", "named_modules", "children", "named_children")
_BY_HAND = frozenset({"parameters", "named_parameters", "add_module", "register_module", "register_parameter", "setattr"})


@dataclass(frozen=True, slots=True)
class HiddenLayers:
    """Layers that an attribute keeps in a plain list, tuple or dictionary. `value` is where the attribute got its first.

    `container` is what would register them, by its qualified name.
    """

    attribute: str
    value: ast.expr
    statement: ast.stmt
    layers: tuple[Thing, ...]
    kind: str
    container: str | None


@dataclass(frozen=True, slots=True)
class LooseTensor:
    """A tensor that requires gradients and is no parameter."""

    attribute: str
    value: ast.expr
    statement: ast.stmt
    tensor: Thing
    parameter_class: str | None


@dataclass(frozen=True, slots=True)
class LostParameter:
    """What an attribute is given is computed from a new parameter that nothing keeps. `only_moves`: to a place or type."""

    attribute: str
    value: ast.expr
    statement: ast.stmt
    parameter: Thing
    created: ast.AST
    only_moves: bool


Unregistered = HiddenLayers | LooseTensor | LostParameter


class Registration:
    def __init__(self, program: Program, modules: Modules) -> None:
        self._program = program
        self._modules = modules

    @cached_property
    def unregistered(self) -> list[Unregistered]:
        """What classes of the checked file keep out of sight of their own `parameters()`, in whatever heir they are built."""
        found: dict[ast.AST, Unregistered] = {}
        cleared: set[ast.AST] = set()
        for info in self._program.classes:
            if not self._modules.is_module(info) or any(info.find(name) for name in _OWN_WAY):
                continue
            seen, fine = self._of_class(info)
            found.update((one.value, one) for one in seen)
            cleared |= fine
        return [one for node, one in found.items() if node not in cleared]

    def _of_class(self, info: ClassInfo) -> tuple[list[Unregistered], set[ast.AST]]:
        """What one class hides, and the places where it does not, though another class may."""
        thing = self._program.instance(info)
        if thing is None:
            return [], set()
        attributes: dict[str | None, list[Binding]] = {}
        for binding in self._program.bindings(thing):
            attributes.setdefault(binding.attribute, []).append(binding)
        registered = self._registered(attributes)
        body = self._program.construction(info)
        handled = _handled(body) if body is not None else set()
        found: list[Unregistered] = []
        fine: set[ast.AST] = set()
        for attribute, bindings in attributes.items():
            written = _written(bindings[0])
            if attribute is None or written is None:
                continue
            one = self._judge(info, attribute, bindings, written)
            parts = _parts(one)
            known = any(part in registered or part in handled or part.node in self._optimized for part in parts)
            if one is None or known or thing in handled or self._by_hand(info, attribute):
                fine.add(written)
            else:
                found.append(one)
        return found, fine

    def _judge(self, info: ClassInfo, attribute: str, bindings: list[Binding], written: ast.expr) -> Unregistered | None:
        values = [binding.value for binding in bindings]
        last = values[-1]
        statement = bindings[0].site.statement
        if all(isinstance(value, (Sequence, Many, Mapping)) for value in values):
            layers = tuple(dict.fromkeys(modules_in(last)))
            if _is_wrapped_to_hide(written) or not layers or any(layer.copy_of or not layer.in_sight for layer in layers):
                return None
            if not any(self._modules.has_parameters(layer) for layer in layers):
                return None
            keyed = isinstance(last, Mapping) or isinstance(written, (ast.Dict, ast.DictComp))
            kind = "dictionary" if keyed else "tuple" if isinstance(written, ast.Tuple) else "list"
            container = registering(info.outside, "dictionary" if keyed else "list") if _only_modules(last) else None
            return HiddenLayers(attribute, written, statement, layers, kind, container)
        if len(values) > 1:
            return None
        if isinstance(last, Thing) and last.role is Role.LEAF and not _is_parameter(last) and last.made_by is not None:
            return LooseTensor(attribute, written, statement, last, registering(info.outside, "tensor"))
        if isinstance(last, Tensor) and not last.opaque and last.sources:
            lost = [source for source in last.sources if _is_parameter(source) and _inside(source.node, written)]
            created = lost[0].node if len(lost) == 1 == len(last.sources) else None
            if created is not None and not _methods_between(written, created) <= _NOTHING_TO_DO:
                moved = _methods_between(written, created) <= _MOVES
                return LostParameter(attribute, written, statement, lost[0], created, moved)
        return None

    def _registered(self, attributes: dict[str | None, list[Binding]]) -> set[Thing]:
        """Every part that some attribute keeps in the way that counts, with what it was made from."""
        waiting: list[Thing] = []
        for attribute, bindings in attributes.items():
            for binding in bindings:
                if attribute is None or not isinstance(binding.value, (Sequence, Many, Mapping)):
                    waiting.extend(things_in(binding.value))
        found: set[Thing] = set()
        while waiting:
            thing = waiting.pop()
            if thing in found:
                continue
            found.add(thing)
            waiting.extend(thing.holds)
            for value in (*thing.positional, *thing.arguments.values()):
                waiting.extend(things_in(value))
            waiting.extend(inner for binding in self._program.bindings(thing) for inner in things_in(binding.value))
        loose = {
            binding.value
            for bindings in attributes.values()
            for binding in bindings
            if isinstance(binding.value, Thing) and binding.value.role is Role.LEAF and not _is_parameter(binding.value)
        }
        return found - loose

    def _by_hand(self, info: ClassInfo, attribute: str) -> bool:
        """Another method of the class, or a function of the file, hands out the parameters of what the attribute holds."""
        functions = self._program.index.functions
        apart: set[ast.AST] = {method for one in info.lineage() for name, method in one.methods.items() if name == "forward"}
        around: Frame | None = info.frame
        while around is not None:
            apart.add(around.node)
            around = around.outer
        return any(
            attribute in contents.words and not contents.words.isdisjoint(_BY_HAND)
            for node, contents in functions.items()
            if node not in apart
        )

    @cached_property
    def _optimized(self) -> set[ast.AST | None]:
        """Where those objects are built that some optimizer in sight was given by themselves."""
        return {
            owner.node
            for thing in self._program.things
            if thing.role is Role.OPTIMIZER and thing.parameters is not None
            for owner in thing.parameters.owners
        }


def _parts(one: Unregistered | None) -> tuple[Thing, ...]:
    if isinstance(one, HiddenLayers):
        return one.layers
    if isinstance(one, LooseTensor):
        return (one.tensor,)
    return (one.parameter,) if one is not None else ()


def _handled(body: fx.Block) -> set[Thing]:
    """What a constructor hands to code out of sight, freezes or switches to evaluation."""
    found: set[Thing] = set()
    for effect in leaves(body):
        if isinstance(effect, fx.Unseen):
            found |= effect.touches
        elif isinstance(effect, fx.Freeze):
            found |= effect.parameters.owners
        elif isinstance(effect, fx.Mode) and effect.training is False:
            found.update(effect.things)
    return found


def _written(binding: Binding) -> ast.expr | None:
    """The expression whose value the attribute is given; None where this is no plain assignment."""
    statement = binding.site.statement
    if isinstance(statement, ast.Assign) and statement.targets[-1] is binding.site.node:
        return statement.value
    return statement.value if isinstance(statement, ast.AnnAssign) and statement.target is binding.site.node else None


def _is_wrapped_to_hide(written: ast.expr) -> bool:
    """A literal list of one: the usual way to keep a model from being registered."""
    if not isinstance(written, (ast.List, ast.Tuple)) or len(written.elts) != 1:
        return False
    return not isinstance(written.elts[0], ast.Starred)


def _only_modules(value: Value) -> bool:
    """A container of modules takes every member, and every key."""
    if isinstance(value, Mapping):
        named = all(isinstance(key, str) and "." not in key for key, _ in value.items)
        return named and all(isinstance(item, Thing) and item.role is Role.MODULE for _, item in value.items)
    items = value.items if isinstance(value, Sequence) else (value.element,) if isinstance(value, Many) else ()
    return all(isinstance(item, Thing) and item.role is Role.MODULE for item in items)


def _is_parameter(thing: Thing) -> bool:
    return (thing.created_by or "").rpartition(".")[2] in ("Parameter", "UninitializedParameter")


def _inside(node: ast.AST | None, outer: ast.AST) -> bool:
    return node is not None and any(inner is node for inner in walk(outer))


_NOTHING_TO_DO = frozenset({"float", "contiguous", "cpu"})
_MOVES = frozenset({"to", "cuda"}) | _NOTHING_TO_DO
"""Methods that hand back what they were given where that is as it should be: mostly, or on the right device."""


def _methods_between(outer: ast.expr, call: ast.AST) -> frozenset[str]:
    """The methods called one after the other on the result of `call`; an empty name for all else that is done to it."""
    methods = set()
    while outer is not call:
        if not (isinstance(outer, ast.Call) and isinstance(outer.func, ast.Attribute)):
            return frozenset({""})
        methods.add(outer.func.attr)
        outer = outer.func.value
    return frozenset(methods)
