"""Objects that step and clear an optimizer of theirs, and what the code that uses them calls."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property

from ...program import effects as fx
from ...program.names import text_of
from ...program.program import Program
from ...program.scope import ClassInfo
from ...program.things import Thing
from ...source.parse import Site
from ..places import Places

_METHODS: dict[type[fx.Effect], str] = {fx.Step: "step", fx.Clear: "zero_grad"}


@dataclass(frozen=True, slots=True)
class _Level:
    """A method of `info` is called on `receiver`."""

    receiver: str
    info: ClassInfo | None


@dataclass(frozen=True, slots=True)
class Called:
    """An effect as the code around calls it: `site` is that call. `inner` is what the innermost method works on."""

    site: Site
    inner: str
    levels: tuple[_Level, ...] = ()

    def spelled(self, method: str) -> str:
        """The object there that has `method`: the outermost that wraps it, else what that one keeps; empty where none is told."""
        text = self.inner
        for level in self.levels:
            text = _outside(text, level.receiver, level.info, method)
        return text


class Wrappers:
    """The optimizers of one program that methods of other objects stand in front of."""

    def __init__(self, program: Program, places: Places) -> None:
        self._program = program
        self._places = places

    def ways(self, effect: fx.Step | fx.Clear) -> list[Called]:
        """An effect as it is written, and every call of a method that leads to it, outwards."""
        site, levels = effect.site, list[_Level]()
        found = [Called(site, effect.text)]
        if site.function not in self._methods:
            return found
        for call in reversed(self._places.calls_to(site)):
            outside = self._places.site_of(call)
            if outside is None or not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                break
            levels.append(_Level(text_of(_receiver(call, site.function)), self._methods.get(site.function)))
            site = outside
            found.append(Called(site, effect.text, tuple(levels)))
        return found

    def called(self, effect: fx.Step | fx.Clear, beside: ast.AST) -> Called:
        """What the function `beside` calls for `effect` to happen, or else the outermost that goes by another name."""
        ways = self.ways(effect)
        within = (way for way in ways if way.site.function is beside)
        named = (way for way in ways if getattr(way.site.function, "name", None) != _METHODS[type(effect)])
        return next(within, None) or next(named, ways[-1])

    def holder(self, optimizer: Thing, method: str, function: ast.AST) -> str:
        """What `method` is called on in `function`: the object around an optimizer where its class lies elsewhere."""
        owners = sorted((one for one in optimizer.owners if one.cls is not None and one.name), key=lambda one: one.name)
        for owner in owners:
            assert owner.cls is not None
            within = any(function in info.methods.values() for info in owner.cls.lineage())
            if optimizer.name.startswith("self.") and not within:
                return _outside(optimizer.name, owner.name, owner.cls, method)
        return optimizer.name

    @cached_property
    def _methods(self) -> dict[ast.AST, ClassInfo]:
        """The class of each method."""
        classes = {info for thing in self._program.things if thing.cls is not None for info in thing.cls.lineage()}
        return {node: info for info in classes for node in info.methods.values()}


def _receiver(call: ast.Call, method: ast.AST) -> ast.expr:
    """Whose method is run: that of the object in front, or of one that it is given to step, as a scaler is."""
    assert isinstance(call.func, ast.Attribute)
    if isinstance(method, ast.FunctionDef) and call.args and not isinstance(call.args[0], ast.Starred):
        taken = [*method.args.posonlyargs, *method.args.args][1:]
        if not taken and method.args.vararg is None:
            return call.args[0]
    return call.func.value


def _outside(text: str, receiver: str, info: ClassInfo | None, method: str) -> str:
    """What a method of `receiver` calls `text`, as the caller of that method says it."""
    if receiver == "self" and text.startswith("self."):
        return text
    if info is None or _is_heir(info) or info.find("__getattr__") is not None or _does(info, method):
        return receiver
    return receiver + text[len("self") :] if text.startswith("self.") else ""


def _is_heir(info: ClassInfo) -> bool:
    """A base out of sight may have any method."""
    return any(not base.startswith("builtins.") for base in info.outside)


def _does(info: ClassInfo, method: str) -> bool:
    """A class has `method`, which hands on to one of the same name."""
    found = info.find(method)
    return found is not None and any(isinstance(node, ast.Attribute) and node.attr == method for node in ast.walk(found[1]))
