"""Layers with weights that the forward pass builds anew in each call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...program import effects as fx
from ...program.effects import leaves
from ...program.frameworks.table import names_of_drawn
from ...program.program import Program
from ...program.scope import ClassInfo
from ...program.things import Role, Thing
from ...source.parse import Site
from .modules import Content, Modules

_HARMLESS = frozenset({"()", "to", "cuda", "cpu", "double", "float", "half", "train", "eval", "type", "requires_grad_"})


@dataclass(frozen=True, slots=True)
class BuiltInForward:
    """The forward pass of the class `owner` builds `layer`, computes with it and drops it."""

    owner: str
    layer: Thing
    place: Site


def built_in_forward(program: Program, modules: Modules) -> list[BuiltInForward]:
    candidates = names_of_drawn() | {info.name for info in program.classes if modules.is_module(info)}
    found: list[BuiltInForward] = []
    for info in program.classes:
        method = info.methods.get("forward")
        if method is None or not modules.is_module(info) or program.index.functions[method].words.isdisjoint(candidates):
            continue
        found.extend(_in_class(program, modules, info))
    return found


def _in_class(program: Program, modules: Modules, info: ClassInfo) -> Iterator[BuiltInForward]:
    body = program.forward(info)
    effects = leaves(body) if body is not None else []
    called = {effect.thing for effect in effects if isinstance(effect, fx.Forward)}
    touched: set[Thing] = set()
    for effect in effects:
        if isinstance(effect, fx.Unseen):
            touched |= effect.touches
        elif isinstance(effect, fx.Overwrite):
            touched.update(effect.things)
        elif isinstance(effect, fx.Assign):
            touched.add(effect.thing)
    for effect in effects:
        if not isinstance(effect, fx.Create) or effect.site.function is not info.methods["forward"]:
            continue
        layer = effect.thing
        kept = bool(layer.owners) or layer.escaped or layer in touched or layer.uses - _HARMLESS or program.parts_used(layer)
        if layer.role is Role.MODULE and layer in called and not kept and modules.contains(layer, Content.DRAWN):
            yield BuiltInForward(info.name, layer, effect.site)
