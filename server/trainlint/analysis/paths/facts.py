"""Facts about what happens along the paths of a program, and in which order."""

from __future__ import annotations

import ast
from functools import cached_property

from ...program import effects as fx
from ...program.names import text_of
from ...program.naming import ACCELERATOR, suggests
from ...program.things import Role, Thing
from ...source.parse import Site
from ..basis import Basis
from ..wiring.sets import ParameterSet
from . import modes, scaling
from .accumulation import Accumulation
from .bypassed_steps import BypassedStep, bypassed_steps
from .cadence import WrongCadence, wrong_cadences
from .closures import BrokenClosure, broken_closures
from .constants import Hyperparameter, MixedDecay, known_hyperparameters, mixed_decays
from .distribution import BypassedWrapper, bypassed_wrappers
from .inference import NoisyInference, noisy_inferences
from .misplaced import MisplacedClear, misplaced
from .preparation import PlainBackward, PreparedApart, plain_backwards, prepared_apart
from .prepared_schedules import ShortSchedule, short_schedules
from .protocol import StaleStep
from .rates import KnownRate, known_rates
from .recompiled import FrozenModel, IgnoredChange, frozen_models, ignored_changes
from .restored_rates import RestoredRate, restored_rates
from .scalers import unused_scalers
from .schedules import Schedules
from .trainers import ManualCalls, NoLoss, NoOptimizer, manual_calls, missing_losses, missing_optimizers
from .wrappers import Wrappers


class PathFacts(Basis):
    @cached_property
    def wrappers(self) -> Wrappers:
        return Wrappers(self.program, self.places)

    @cached_property
    def scalings(self) -> list[scaling.Scaling]:
        """What every entry clips, scales and unscales."""
        return [scaling.examine(entry, self.program, self._cancel) for entry in self.program.entries]

    @cached_property
    def _idle(self) -> set[Thing]:
        """Optimizers whose steps or backwards come to nothing, which is said by itself."""
        targets = [one.target for protocol in self.protocols for one in protocol.empty]
        targets += [one.target for protocol in self.protocols for one in protocol.unapplied]
        return {optimizer for target in targets for optimizer in target.optimizers}

    @cached_property
    def scaled_clips(self) -> list[scaling.ScaledClip]:
        """Clips of scaled gradients that a step then applies."""
        clips = [clip for one in self.scalings for clip in one.scaled_clips]
        return [clip for clip in clips if self._idle.isdisjoint(clip.target.optimizers)]

    @cached_property
    def pointless_clips(self) -> list[scaling.PointlessClip]:
        """Clips that bound nothing although the steps and backwards around them are in order."""
        clips = [clip for one in self.scalings for clip in one.pointless_clips]
        return [clip for clip in clips if self._idle.isdisjoint(clip.target.optimizers)]

    @cached_property
    def unupdated_scalers(self) -> list[scaling.Unupdated]:
        """Steps that the scaler refuses in their second turn although they have something to apply."""
        found = [late for one in self.scalings for late in one.unupdated]
        return [late for late in found if self._idle.isdisjoint(late.step.optimizers)]

    @cached_property
    def twice_unscaled(self) -> list[scaling.TwiceUnscaled]:
        """Unscalings that the scaler refuses although the steps and backwards around them are in order."""
        found = [twice for one in self.scalings for twice in one.twice_unscaled]
        return [twice for twice in found if self._idle.isdisjoint(twice.unscale.optimizers)]

    @cached_property
    def trained_in_evaluation(self) -> list[modes.TrainedInEvaluation]:
        """What models are trained by although it was computed in evaluation mode."""
        entries = self.program.entries
        return [fact for entry in entries for fact in modes.examine(entry, self.program, self.modules, self._cancel)]

    @cached_property
    def misplaced_clears(self) -> dict[StaleStep, MisplacedClear]:
        """Clears of one parameter set that are meant for another, by the steps that apply old gradients for it."""
        pairs = zip(self.program.entries, self.protocols, strict=True)
        return {fact.stale: fact for entry, protocol in pairs for fact in misplaced(entry, protocol)}

    @cached_property
    def bypassed_wrappers(self) -> list[BypassedWrapper]:
        """Calls of models past the wrapper that averages their gradients over processes."""
        return [fact for entry in self.program.entries for fact in bypassed_wrappers(entry)]

    @cached_property
    def noisy_inferences(self) -> list[NoisyInference]:
        """What models in training mode compute for its own sake."""
        entries = self.program.entries
        return [fact for entry in entries for fact in noisy_inferences(entry, self.program, self.modules, self._cancel)]

    @cached_property
    def wrong_cadences(self) -> list[WrongCadence]:
        """Schedules that are stepped with another unit than they are made for."""
        complete = self.program.complete and not self.program.index.look_alikes
        return list(wrong_cadences(self.orders)) if complete else []

    @cached_property
    def schedules(self) -> Schedules:
        return Schedules(self.program, self.orders)

    @cached_property
    def unused_scalers(self) -> list[tuple[fx.Step, Thing]]:
        """Steps through a gradient scaler that multiplies no loss."""
        found = unused_scalers(self.program, self.operations.get("scale", ()))
        return [(step, scaler) for step, scaler in found if self._idle.isdisjoint(step.optimizers)]

    @cached_property
    def accumulations(self) -> list[Accumulation]:
        """Steps that wait for several batches, each place once; none where an accelerator may gather gradients by itself."""
        found: dict[ast.AST, Accumulation] = {}
        for protocol in self.protocols:
            for gathered in protocol.accumulations:
                if self.differentiator(gathered.target, gathered.step.site) is None:
                    found.setdefault(gathered.step.site.node, gathered)
        return list(found.values())

    def differentiator(self, target: ParameterSet, site: Site) -> str | None:
        """The call that takes the place of `loss.backward()` at `site`: an accelerator's, or that of manual optimization."""
        for optimizer in target.optimizers:
            if isinstance(optimizer.node, ast.Call) and text_of(optimizer.node.func) == "self.optimizers":
                return "self.manual_backward"
        for thing in self.program.things:
            named = thing.role is None and thing.uses and suggests(thing.name, ACCELERATOR)
            if (thing.role is Role.ACCELERATOR or named) and not thing.optional:
                return f"{self.program.spelled(thing, site)}.backward"
        return None

    @cached_property
    def rates(self) -> list[KnownRate]:
        return known_rates(self.program)

    @cached_property
    def hyperparameters(self) -> list[Hyperparameter]:
        """What optimizers were built with, where it is known."""
        return list(known_hyperparameters(self.program))

    @cached_property
    def bypassed_steps(self) -> list[BypassedStep]:
        """Steps past the object that would set the learning rate as well."""
        return list(bypassed_steps(self.program, self.orders))

    @cached_property
    def mixed_decays(self) -> list[MixedDecay]:
        """Weight decay that adaptive optimizers add to the gradient."""
        return list(mixed_decays(self.hyperparameters))

    @cached_property
    def restored_rates(self) -> list[RestoredRate]:
        """Learning rates that a loaded state replaces before they are used."""
        return restored_rates(self.orders)

    @cached_property
    def broken_closures(self) -> list[BrokenClosure]:
        """Steps through closures that do not do what the step needs."""
        return list(broken_closures(self.program))

    @cached_property
    def ignored_changes(self) -> list[IgnoredChange]:
        """Changes of what is trainable that come too late."""
        return list(ignored_changes(self.orders)) if next(self.effects(fx.Compile), None) is not None else []

    @cached_property
    def frozen_models(self) -> list[FrozenModel]:
        """Models that are trained although the whole of them is frozen."""
        return list(frozen_models(self.orders)) if next(self.effects(fx.Compile), None) is not None else []

    @cached_property
    def plain_backwards(self) -> list[PlainBackward]:
        """Backwards past the accelerator that is in charge of what they train."""
        return list(plain_backwards(self.program, self.orders)) if next(self.effects(fx.Backward), None) is not None else []

    @cached_property
    def prepared_apart(self) -> list[PreparedApart]:
        """Optimizers that are prepared apart from their models."""
        return list(prepared_apart(self.orders))

    @cached_property
    def short_schedules(self) -> list[ShortSchedule]:
        """Schedules that are over too early, because an accelerator steps them for each process."""
        return list(short_schedules(self.orders)) if next(self.effects(fx.Prepare), None) is not None else []

    @cached_property
    def manual_calls(self) -> list[ManualCalls]:
        """What classes do although the loop that trains them does it too."""
        return list(manual_calls(self.program))

    @cached_property
    def missing_losses(self) -> list[NoLoss]:
        """Methods that a loop asks for a loss, and that return none."""
        return list(missing_losses(self.program))

    @cached_property
    def missing_optimizers(self) -> list[NoOptimizer]:
        """Methods that a loop asks for optimizers, and that return none of those they build."""
        return list(missing_optimizers(self.program))
