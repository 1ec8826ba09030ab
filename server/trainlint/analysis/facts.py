"""Everything the rules may ask of one document, computed once and on demand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import TypeVar

from ..cancel import CancelFlag
from ..program import effects as fx
from ..program.names import text_of
from ..program.naming import ACCELERATOR, suggests
from ..program.program import Program
from ..program.things import Operation, Role, Tensor, Thing
from ..source.document import Document
from .flow.bootstrap import OpenTarget, open_targets
from .flow.branches import IdleBranch, idle_branches
from .flow.carried import CarriedGraph, CarriedGraphs, GrowingSum
from .flow.detachments import DiscardedDetach, discarded_detaches
from .flow.differentiable import CutLoss, Differentiable
from .flow.differentiations import Differentiations
from .flow.fates import Fates
from .flow.gradients import Gradients
from .flow.graph import Node, Source
from .flow.idle_sums import IdleSum, IdleSums
from .flow.objectives import DeadLoss, Fault, Objectives
from .flow.opponents import CutOff, cut_off
from .flow.reductions import is_mean
from .flow.spent_tapes import SpentTape, spent_tapes
from .flow.terms import IdleTerm, UnreducedLoss, idle_terms, unreduced_losses
from .flow.unusable import CutCheckpoint, InferenceTensor, cut_checkpoints, inference_tensors
from .flow.updates import Updates
from .flow.values import Values
from .models.attributes import Attributes
from .models.built_in_forward import BuiltInForward, built_in_forward
from .models.dropouts import FixedDropout, fixed_dropouts
from .models.initialisation import ConstantStart, Initialisation
from .models.modules import Modules
from .models.registration import Registration
from .models.training_flags import UnflaggedCall, unflagged_calls
from .paths import modes, scaling
from .paths.accumulation import Accumulation
from .paths.bypassed_steps import BypassedStep, bypassed_steps
from .paths.cadence import WrongCadence, wrong_cadences
from .paths.closures import BrokenClosure, broken_closures
from .paths.constants import Hyperparameter, MixedDecay, known_hyperparameters, mixed_decays
from .paths.distribution import BypassedWrapper, bypassed_wrappers
from .paths.inference import NoisyInference, noisy_inferences
from .paths.misplaced import MisplacedClear, misplaced
from .paths.order import Orders
from .paths.preparation import PlainBackward, PreparedApart, plain_backwards, prepared_apart
from .paths.prepared_schedules import ShortSchedule, short_schedules
from .paths.protocol import Protocol, StaleStep, examine
from .paths.rates import KnownRate, known_rates
from .paths.recompiled import FrozenModel, IgnoredChange, frozen_models, ignored_changes
from .paths.restarts import Restarted, restarted
from .paths.restored_rates import RestoredRate, restored_rates
from .paths.scalers import unused_scalers
from .paths.schedules import Schedules
from .paths.trainers import ManualCalls, NoLoss, NoOptimizer, manual_calls, missing_losses, missing_optimizers
from .places import Places
from .tensors.divergences import MistakenDivergence, mistaken_divergences
from .tensors.links import MisfitLoss, misfit_losses
from .tensors.loading import OrderedLoader, ordered_loaders
from .tensors.scales import PlainPipeline, RawInput, plain_pipelines, raw_inputs
from .tensors.shapes import Shapes
from .tensors.targets import WrongTarget, wrong_targets
from .wiring.frozen import FrozenOptimizer, frozen_optimizers
from .wiring.frozen_layers import FrozenLayer, FrozenLayers
from .wiring.frozen_statistics import DriftingStatistics, drifting_statistics
from .wiring.grown import LateParameters, late_parameters
from .wiring.handed import WrongHolding, wrong_holdings
from .wiring.holdings import Holdings
from .wiring.iterators import UsedUp, used_up
from .wiring.left_out import LeftOut, LeftOuts
from .wiring.sets import ParameterSet
from .wiring.sharing import DiscardedCopy, SteppedTwice, discarded_copies, stepped_twice
from .wiring.thawed import UndoneFreeze, undone_freezes

Kind = TypeVar("Kind", bound=fx.Effect)


class Facts:
    def __init__(self, document: Document, program: Program, cancel: CancelFlag) -> None:
        self.document = document
        self.program = program
        self._cancel = cancel

    @cached_property
    def places(self) -> Places:
        return Places(self.program)

    @cached_property
    def protocols(self) -> list[Protocol]:
        """The step protocol of every entry."""
        return [examine(entry, self.program, self._cancel) for entry in self.program.entries]

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
    def fixed_dropouts(self) -> list[FixedDropout]:
        """Dropout in modules that works in evaluation mode as well."""
        return list(fixed_dropouts(self.program, self.modules))

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
                if self.differentiator(gathered.target) is None:
                    found.setdefault(gathered.step.site.node, gathered)
        return list(found.values())

    def differentiator(self, target: ParameterSet) -> str | None:
        """The call that takes the place of `loss.backward()` here: an accelerator's, or that of manual optimization."""
        for optimizer in target.optimizers:
            if isinstance(optimizer.node, ast.Call) and text_of(optimizer.node.func) == "self.optimizers":
                return "self.manual_backward"
        for thing in self.program.things:
            named = thing.role is None and thing.uses and suggests(thing.name, ACCELERATOR)
            if (thing.role is Role.ACCELERATOR or named) and not thing.optional:
                return f"{thing.name}.backward"
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
    def values(self) -> Values:
        return Values(self.program)

    @cached_property
    def shapes(self) -> Shapes:
        return Shapes(self.program, self.values)

    @cached_property
    def differentiated(self) -> dict[Operation, Source]:
        """Every computation that a backward sends gradients through, in forward passes too."""
        found: dict[Operation, Source] = {}
        for backward in self.effects(fx.Backward):
            found.update(self.gradients.reach(Node(backward.loss)).operations)
        return found

    def layers_behind(self, operation: Operation) -> list[ast.AST]:
        """Where the linear layers are built that are given the result of `operation` as it is."""
        return [
            after.callee.node
            for after, source in self.differentiated.items()
            if after.name == "linear" and after.callee is not None and after.callee.node is not None and source.operands
            if any(before.operation is operation for before in self.gradients.graph.sources(source.operands[0]))
        ]

    @cached_property
    def ordered_loaders(self) -> list[OrderedLoader]:
        """Loaders that training goes over class by class."""
        return list(ordered_loaders(self.program, self.values))

    @cached_property
    def constant_starts(self) -> list[ConstantStart]:
        """Hidden layers whose units start alike, where gradients flow through them."""
        if next(self.effects(fx.Fill), None) is None and not self.program.classes:
            return []
        starts = Initialisation(self.program, self.values)
        return list(starts.constant_starts(self.differentiated)) if starts.fills else []

    @cached_property
    def targets(self) -> list[WrongTarget]:
        """Losses whose target cannot be one."""
        return list(wrong_targets(self.operations, self.shapes, self.gradients))

    @cached_property
    def modules(self) -> Modules:
        return Modules(self.program)

    @cached_property
    def registration(self) -> Registration:
        return Registration(self.program, self.modules)

    @cached_property
    def orders(self) -> Orders:
        return Orders(self.program)

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
    def built_in_forward(self) -> list[BuiltInForward]:
        return built_in_forward(self.program, self.modules)

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

    @cached_property
    def attributes(self) -> Attributes:
        return Attributes(self.program, self.orders, self.modules)

    @cached_property
    def cut_losses(self) -> list[CutLoss]:
        """Losses that no gradient gets through, where gradients are values."""
        return list(self.differentiable.cut_losses())

    @cached_property
    def differentiable(self) -> Differentiable:
        return Differentiable(self.program)

    @cached_property
    def updates(self) -> Updates:
        return Updates(self.program, self.fates)

    @cached_property
    def fates(self) -> Fates:
        return Fates(self.program)

    @cached_property
    def mistaken_divergences(self) -> list[MistakenDivergence]:
        """Divergences that take probabilities for logarithms, or the other way round."""
        return list(mistaken_divergences(self.operations.get("kl_div", ()), self.values))

    @cached_property
    def misfit_losses(self) -> list[MisfitLoss]:
        """Losses that take what they are given for something else."""
        return list(misfit_losses(self.program, self.values))

    @cached_property
    def unflagged_calls(self) -> list[UnflaggedCall]:
        """Calls of models that train and are not told so."""
        return list(unflagged_calls(self.program, self.differentiations, self.modules)) if self.differentiations.all else []

    @cached_property
    def ignored_changes(self) -> list[IgnoredChange]:
        """Changes of what is trainable that come too late."""
        return list(ignored_changes(self.orders)) if next(self.effects(fx.Compile), None) is not None else []

    @cached_property
    def frozen_models(self) -> list[FrozenModel]:
        """Models that are trained although the whole of them is frozen."""
        return list(frozen_models(self.orders)) if next(self.effects(fx.Compile), None) is not None else []

    @cached_property
    def differentiations(self) -> Differentiations:
        """Gradients that are values."""
        return Differentiations(self.program, self.fates)

    @cached_property
    def spent_tapes(self) -> list[SpentTape]:
        """Tapes that are used once more than they last."""
        return list(spent_tapes(self.orders)) if self.differentiations.all else []

    @cached_property
    def gradients(self) -> Gradients:
        return Gradients(self.program)

    @cached_property
    def _dead(self) -> list[DeadLoss]:
        return list(Objectives(self.program, self.gradients).dead())

    @cached_property
    def dead_losses(self) -> list[DeadLoss]:
        """Backwards by which nothing can train."""
        return [dead for dead in self._dead if dead.backward.by is None]

    @cached_property
    def dead_returns(self) -> list[DeadLoss]:
        """Losses that a class gives to the loop that trains it, and by which nothing can train because something cut them off."""
        return [dead for dead in self._dead if dead.backward.by is not None and dead.fault is not Fault.DATA]

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

    @cached_property
    def idle_terms(self) -> list[IdleTerm]:
        """Terms of losses that depend on the model and train nothing."""
        return list(idle_terms(self.program, self.gradients))

    @cached_property
    def raw_inputs(self) -> list[RawInput]:
        """Models that are trained on integers of images, as they were stored."""
        return list(raw_inputs(self.program, self.values, self.modules))

    @cached_property
    def plain_pipelines(self) -> list[PlainPipeline]:
        """Transformations of images that end where these have become tensors."""
        return list(plain_pipelines(self.program))

    @cached_property
    def idle_sums(self) -> list[IdleSum]:
        """Sums of losses that are only looked at, or have one loss in place of another."""
        return list(IdleSums(self.program, self.gradients, self.fates))

    @cached_property
    def unreduced_losses(self) -> list[UnreducedLoss]:
        """Backwards on more than one number."""
        return list(unreduced_losses(self.program, self.gradients.graph))

    @cached_property
    def discarded_detaches(self) -> list[DiscardedDetach]:
        return list(discarded_detaches(self.operations.get("detach", []), self.gradients))

    @cached_property
    def carried_graphs(self) -> list[CarriedGraph]:
        """Backwards through the graph of the turn before."""
        return list(CarriedGraphs(self.program, self.gradients, self.modules).again())

    @cached_property
    def growing_sums(self) -> list[GrowingSum]:
        """Sums of losses that keep the graphs of all their terms."""
        sums = [one for one in self.operations.get("add", []) if one.turns and not one.cuts]
        return list(CarriedGraphs(self.program, self.gradients, self.modules).kept(sums))

    @cached_property
    def cut_off(self) -> list[CutOff]:
        """Losses that are cut off from the model that the next step is to train."""
        return list(cut_off(self.program, self.gradients))

    @cached_property
    def inference_tensors(self) -> list[InferenceTensor]:
        """Tensors of inference mode that a layer or a loss has to keep for a backward."""
        return list(inference_tensors(self.program, self.gradients))

    @cached_property
    def cut_checkpoints(self) -> list[CutCheckpoint]:
        """Checkpoints through which no gradient gets to the weights inside."""
        return list(cut_checkpoints(self.program, self.gradients, self.modules))

    @cached_property
    def idle_branches(self) -> list[IdleBranch]:
        """Parts of models that optimizers hold and every loss is cut off from."""
        return list(idle_branches(self.program, self.gradients, self.modules))

    @cached_property
    def open_targets(self) -> list[OpenTarget]:
        """Targets that the model being trained computes with a graph."""
        return list(open_targets(self.program, self.gradients))

    @cached_property
    def operations(self) -> dict[str, list[Operation]]:
        """Every computation on tensors, by name, in the order of the program; one of a loop or helper more than once."""
        found: dict[str, list[Operation]] = {}
        for operation in self.program.operations:
            found.setdefault(operation.name, []).append(operation)
        return found

    def is_mean(self, loss: Tensor) -> bool:
        """`loss` is a mean over its batch, or a sum of such, and divided by nothing else."""
        return is_mean(self.values, Node(loss))

    def effects(self, kind: type[Kind]) -> Iterator[Kind]:
        """Every effect of one kind, in the order of the program; one of a helper once for each call."""
        for entry in self.program.entries:
            yield from entry.of(kind)

    @cached_property
    def uncalled(self) -> list[fx.Uncalled]:
        """Training methods named as statements, each place once."""
        found: dict[object, fx.Uncalled] = {}
        for effect in self.effects(fx.Uncalled):
            found.setdefault(effect.site.node, effect)
        return list(found.values())
