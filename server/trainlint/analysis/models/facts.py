"""Facts about what models are made of."""

from __future__ import annotations

from functools import cached_property

from ...program import effects as fx
from ..basis import Basis
from .attributes import Attributes
from .built_in_forward import BuiltInForward, built_in_forward
from .dropouts import FixedDropout, fixed_dropouts
from .initialisation import ConstantStart, Initialisation
from .registration import Registration
from .training_flags import UnflaggedCall, unflagged_calls


class ModelFacts(Basis):
    @cached_property
    def fixed_dropouts(self) -> list[FixedDropout]:
        """Dropout in modules that works in evaluation mode as well."""
        return list(fixed_dropouts(self.program, self.modules))

    @cached_property
    def constant_starts(self) -> list[ConstantStart]:
        """Hidden layers whose units start alike, where gradients flow through them."""
        if next(self.effects(fx.Fill), None) is None and not self.program.classes:
            return []
        starts = Initialisation(self.program, self.values)
        return list(starts.constant_starts(self.differentiated)) if starts.fills else []

    @cached_property
    def registration(self) -> Registration:
        return Registration(self.program, self.modules)

    @cached_property
    def built_in_forward(self) -> list[BuiltInForward]:
        return built_in_forward(self.program, self.modules)

    @cached_property
    def attributes(self) -> Attributes:
        return Attributes(self.program, self.orders, self.modules)

    @cached_property
    def unflagged_calls(self) -> list[UnflaggedCall]:
        """Calls of models that train and are not told so."""
        return list(unflagged_calls(self.program, self.differentiations, self.modules)) if self.differentiations.all else []
