"""Facts about who holds which parameters."""

from __future__ import annotations

from functools import cached_property

from ..models.facts import ModelFacts
from ..paths.restarts import Restarted, restarted
from .frozen import FrozenOptimizer, frozen_optimizers
from .frozen_layers import FrozenLayer, FrozenLayers
from .frozen_statistics import DriftingStatistics, drifting_statistics
from .grown import LateParameters, late_parameters
from .handed import WrongHolding, wrong_holdings
from .holdings import Holdings
from .iterators import UsedUp, used_up
from .left_out import LeftOut, LeftOuts
from .sharing import DiscardedCopy, SteppedTwice, discarded_copies, stepped_twice
from .thawed import UndoneFreeze, undone_freezes


class WiringFacts(ModelFacts):
    @cached_property
    def holdings(self) -> Holdings:
        return Holdings(self.program, self.orders, self.modules)

    @cached_property
    def restarted(self) -> list[Restarted]:
        return restarted(self.orders, self.modules)

    @cached_property
    def stepped_twice(self) -> list[SteppedTwice]:
        return stepped_twice(self.orders)

    @cached_property
    def discarded_copies(self) -> list[DiscardedCopy]:
        return discarded_copies(self.orders)

    @cached_property
    def left_out(self) -> list[LeftOut]:
        frozen = {one.optimizer for one in self.frozen_optimizers}
        temporary = {one.layer.node for one in self.built_in_forward}
        found = LeftOuts(self.program, self.orders, self.gradients, self.modules, frozen).all
        return [one for one in found if one.built not in temporary]

    @cached_property
    def undone_freezes(self) -> list[UndoneFreeze]:
        return undone_freezes(self.orders)

    @cached_property
    def used_up(self) -> list[UsedUp]:
        return used_up(self.orders)

    @cached_property
    def frozen_optimizers(self) -> list[FrozenOptimizer]:
        return frozen_optimizers(self.orders)

    @cached_property
    def frozen_layers(self) -> list[FrozenLayer]:
        """Layers that are frozen with their first random weights, although an optimizer is given them."""
        idle = {one.optimizer for one in self.frozen_optimizers}
        return list(FrozenLayers(self.program, self.orders, self.modules, self.gradients, idle).all())

    @cached_property
    def drifting_statistics(self) -> list[DriftingStatistics]:
        """Frozen parts of models whose batch norms learn on."""
        return list(drifting_statistics(self.orders, self.modules, self.gradients))

    @cached_property
    def late_parameters(self) -> list[LateParameters]:
        return late_parameters(self.orders)

    @cached_property
    def wrong_holdings(self) -> list[WrongHolding]:
        return wrong_holdings(self.orders)
