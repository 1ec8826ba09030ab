"""Layers whose weights all start from one number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...program import effects as fx
from ...program.program import Program
from ...program.things import Constant, Operation, Parameters, Role, Thing
from ..flow.graph import Source
from ..flow.values import REARRANGING, Values

_LAYERS = frozenset({"linear", "conv1d", "conv2d", "conv3d"})
_BETWEEN = (REARRANGING - {"dropout"}) | {
    "relu",
    "tanh",
    "sigmoid",
    "gelu",
    "elu",
    "leaky_relu",
    "silu",
    "softplus",
    "max_pool2d",
    "selu",
}


@dataclass(frozen=True, slots=True)
class ConstantStart:
    """`fill` sets the weights of a hidden layer to one number; those of the layer behind it are one number as well."""

    fill: fx.Fill
    layer: Thing
    behind: Thing


class Initialisation:
    def __init__(self, program: Program, values: Values) -> None:
        self._values = values
        self._last: dict[tuple[Thing, str], fx.Fill | None] = {}
        self._loaded = [thing for thing in program.things if "load_state_dict" in thing.uses]
        for body in program.bodies:
            self._walk(body, sure=True)

    @property
    def fills(self) -> bool:
        """Something sets parameters to new values."""
        return bool(self._last)

    def constant_starts(self, differentiated: Mapping[Operation, Source]) -> Iterator[ConstantStart]:
        """Hidden layers all of whose units start alike and are looked at alike: nothing ever tells them apart."""
        for operation, source in differentiated.items():
            behind = operation.callee
            if operation.name not in _LAYERS or behind is None or self._fill(behind, "weight") is None or not source.operands:
                continue
            hidden = self._values.ends_in(source.operands[0], _LAYERS, _BETWEEN)
            layers = [head.operation.callee for head in hidden if head.operation is not None]
            if len(layers) != 1 or layers[0] is None or layers[0] is behind:
                continue
            layer = layers[0]
            fill = self._fill(layer, "weight")
            if fill is not None and self._without_bias(layer) and _units(layer) >= 2:
                yield ConstantStart(fill, layer, behind)

    def _without_bias(self, layer: Thing) -> bool:
        given = layer.arguments.get("bias", layer.positional[2] if len(layer.positional) > 2 else None)
        return given == Constant(False) or self._fill(layer, "bias") is not None

    def _fill(self, layer: Thing, name: str) -> fx.Fill | None:
        """The last effect on a parameter of the layer, where that is a constant for all of it."""
        if any(_inside(layer, thing) for thing in self._loaded):
            return None
        found: fx.Fill | None = None
        for (thing, part), fill in self._last.items():
            if (thing is layer and part == name) or (not part and _inside(layer, thing)):
                found = fill
                if fill is None:
                    return None
        return found

    def _walk(self, region: fx.Region, *, sure: bool) -> None:
        if isinstance(region, fx.Fill):
            self._note(region, sure)
        elif isinstance(region, fx.Block):
            for item in region.items:
                self._walk(item, sure=sure)
        elif not isinstance(region, fx.Effect):
            for part in fx.blocks_of(region):
                self._walk(part, sure=sure and not isinstance(region, (fx.Branch, fx.Try)))

    def _note(self, fill: fx.Fill, sure: bool) -> None:
        constant = fill if sure and isinstance(fill.value, Constant) and isinstance(fill.value.value, (int, float)) else None
        if isinstance(fill.target, Parameters):
            for owner in fill.target.owners:
                self._last[owner, ""] = constant if not fill.target.opaque else None
        elif isinstance(fill.target, Thing) and fill.target.parent is not None and fill.target.parent.role is Role.MODULE:
            self._last[fill.target.parent, fill.target.name.rpartition(".")[2]] = constant


def _inside(layer: Thing, whole: Thing, depth: int = 4) -> bool:
    """The layer is a part of `whole`, or in a container that is."""
    return layer.within(whole) or (depth > 0 and any(_inside(layer, held, depth - 1) for held in whole.holds))


def _units(layer: Thing) -> int:
    """How many outputs the layer has; 0 where that is out of sight."""
    for name in ("out_features", "out_channels"):
        given = layer.arguments.get(name)
        if isinstance(given, Constant) and isinstance(given.value, int):
            return given.value
    given = layer.positional[1] if len(layer.positional) > 1 else None
    return given.value if isinstance(given, Constant) and isinstance(given.value, int) else 0
