"""The probe's own codes: one for each status, step fact and batch fact that no rule speaks of.

A fact that proves a rule is reported under that rule's code; those are listed here too, with the severity of
the catalogue, because the probe must not depend on the rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..finding import Severity
from .status import Status


@dataclass(frozen=True)
class Code:
    """`meaning` is one sentence for the documentation."""

    code: str
    name: str
    severity: Severity
    meaning: str


_E, _W, _I, _O = Severity.ERROR, Severity.WARNING, Severity.INFO, Severity.OFF

OWN = (
    Code("TRNP01", "zero-gradient", _W, "Every gradient the parameter gets is exactly zero."),
    Code("TRNP02", "no-gradient", _W, "An optimizer holds the parameter, and no backward pass gave it a gradient."),
    Code("TRNP03", "unused-in-forward", _I, "An optimizer holds the parameter, and nothing computes with it."),
    Code("TRNP04", "decay-only", _W, "Only weight decay moves the parameter."),
    Code("TRNP05", "momentum-only", _W, "Only momentum of earlier steps moves the parameter."),
    Code("TRNP06", "rounded-away", _W, "The updates are smaller than what the number format can hold."),
    Code("TRNP07", "not-stepped", _W, "The optimizer of the parameter makes no step, or leaves it out."),
    Code(
        "TRNP08",
        "step-skipped",
        _I,
        "The gradient scaler left out every step, for gradients that overflowed.",
    ),
    Code("TRNP09", "non-finite", _E, "Gradients or weights are NaN or infinite."),
    Code(
        "TRNP10",
        "moved-by-something-else",
        _I,
        "Something other than an optimizer step changes the parameter.",
    ),
    Code("TRNP11", "frozen-but-changed", _W, "The parameter requires no gradient, and steps change it."),
    Code("TRNP12", "rate-zero", _I, "The learning rate was zero at the steps that were seen: a warm-up begins."),
    Code("TRNP13", "gradients-taken-away", _I, "Gradients of some parameters are cleared between backward pass and step."),
    Code("TRNP20", "loss-rises", _I, "To first order the step raises the error."),
    Code("TRNP21", "update-exceeds-weights", _W, "A step changes weights by more than their own size."),
    Code("TRNP22", "vanishing-gradients", _I, "Next to nothing of the gradient arrives at the first layers of a model."),
    Code("TRNP23", "exploding-gradients", _I, "The gradient of a deep model is far longer than its weights."),
    Code("TRNP24", "rate-collapses", _W, "One step of a schedule leaves next to nothing of the learning rate."),
    Code("TRNP30", "input-not-finite", _E, "The inputs of a model hold NaN or infinite values."),
    Code("TRNP31", "large-inputs", _I, "The inputs of a model are far from the scale that layers start with."),
    Code("TRNP32", "identical-samples", _W, "All samples of a batch are the same."),
    Code("TRNP33", "one-class", _W, "All targets of a batch are one class."),
    Code("TRNP34", "initial-loss", _I, "The first loss is far above that of even guessing."),
    Code("TRNP35", "loss-not-finite", _E, "The loss is NaN or infinite."),
    Code("TRNP36", "dead-activations", _W, "A layer of activations puts out nothing but zeros."),
    Code("TRNP37", "saturated-activations", _I, "A layer of activations is saturated almost everywhere."),
    Code("TRNP38", "constant-columns", _I, "Columns of the inputs are the same in every sample."),
    Code("TRNP39", "integer-images", _I, "Images are given as whole numbers up to 255."),
    Code("TRNP42", "broken-columns", _E, "Columns of the inputs hold NaN or infinite values."),
    Code("TRNP43", "imbalanced-labels", _I, "One class has nearly all targets of a batch."),
    Code("TRNP44", "one-sample", _W, "Batch normalisation gets a batch of one sample."),
    Code("TRNP40", "script-failed", _E, "The script stopped with an error."),
    Code("TRNP41", "not-reached", _I, "The script ended, or a limit came, before the training could be judged."),
)

RULES = (
    Code("TRN101", "missing-zero-grad", _W, "A step applies gradients that were applied before."),
    Code("TRN102", "zero-grad-on-wrong-optimizer", _W, "Another optimizer is cleared in its place."),
    Code("TRN103", "gradients-cleared-before-step", _E, "Gradients are cleared between backward and step."),
    Code("TRN104", "missing-step", _W, "Gradients are computed and no optimizer makes a step."),
    Code("TRN105", "missing-backward", _E, "Steps are made and no backward pass fills a gradient."),
    Code("TRN106", "step-before-backward", _E, "The step comes before the backward pass of its own turn."),
    Code("TRN112", "optimizer-rebuilt-in-loop", _W, "An optimizer is built anew for every step."),
    Code("TRN113", "closure-without-zero-grad", _E, "A closure that is called several times never clears."),
    Code("TRN201", "backward-on-detached-loss", _E, "The loss has no graph."),
    Code("TRN202", "loss-rewrapped-as-leaf", _E, "The loss is a new leaf: nothing lies behind it."),
    Code("TRN203", "graph-free-loss-seed", _E, "The loss holds a graph that no parameter is in."),
    Code("TRN204", "trained-branch-detached", _W, "Trained parameters lie behind a cut of the graph."),
    Code("TRN205", "training-under-no-grad", _E, "The loss is computed with gradients switched off."),
    Code("TRN220", "loss-independent-of-model", _E, "The loss is computed from data alone."),
    Code("TRN216", "non-scalar-backward", _E, "What is differentiated is not one number."),
    Code("TRN301", "layer-replaced-after-optimizer", _E, "The optimizer holds a layer that the model no longer has."),
    Code("TRN302", "model-replaced-after-optimizer", _E, "The optimizer holds parameters that no model uses."),
    Code("TRN303", "optimizer-over-frozen-parameters", _E, "Every parameter of an optimizer is frozen."),
    Code("TRN304", "parameters-in-no-optimizer", _W, "Parameters get gradients, and no optimizer holds them."),
    Code("TRN306", "module-requires-grad-attribute", _E, "A module's attribute was set, which freezes nothing."),
    Code("TRN307", "misspelled-requires-grad", _E, "A tensor's switch is misspelled."),
    Code("TRN319", "parameter-in-two-optimizers", _W, "Two optimizers step the same parameter."),
    Code("TRN401", "zero-learning-rate", _E, "The learning rate is zero."),
    Code("TRN501", "softmax-before-cross-entropy", _E, "Cross entropy gets the output of a softmax."),
    Code("TRN502", "sigmoid-before-bce-with-logits", _E, "Binary cross entropy with logits gets the output of a sigmoid."),
    Code("TRN503", "nll-loss-without-log-softmax", _E, "The negative log-likelihood gets no logarithms."),
    Code("TRN506", "loss-shapes-broadcast", _W, "Every prediction is compared with every target."),
    Code("TRN508", "softmax-over-wrong-dimension", _W, "A softmax runs along the samples."),
    Code("TRN509", "kl-div-on-probabilities", _W, "The divergence gets probabilities in place of logarithms."),
    Code("TRN505", "cross-entropy-on-one-output", _E, "Cross entropy over one output is always zero."),
    Code("TRN512", "flatten-mixes-samples", _W, "More or fewer rows come out of a model than samples go in."),
    Code("TRN601", "eval-mode-while-training", _W, "A model is trained in evaluation mode."),
    Code("TRN701", "scheduler-before-optimizer", _W, "A schedule is stepped before its optimizer."),
    Code("TRN702", "scheduler-never-stepped", _W, "A schedule is never stepped."),
    Code("TRN703", "scheduler-on-another-optimizer", _E, "A schedule governs an optimizer that makes no step."),
    Code("TRN801", "clip-before-unscale", _E, "Gradients are clipped while they carry the scaler's factor."),
    Code("TRN802", "scaled-loss-unscaled-step", _E, "A step applies gradients with the scaler's factor."),
    Code(
        "TRN804",
        "clipping-has-no-effect",
        _E,
        "Gradients are clipped after the step or before the backward pass.",
    ),
    Code("TRN807", "clipped-to-nothing", _E, "Clipping leaves no update."),
    Code("TRN107", "step-outside-batch-loop", _W, "A step applies the gradients of the last of several passes."),
    Code("TRN109", "training-method-overwritten", _E, "A value replaces a method of a module."),
    Code("TRN110", "learning-rate-attribute-ignored", _E, "An attribute is set on an optimizer that never looks at it."),
    Code("TRN209", "non-differentiable-loss-term", _W, "A term of the loss has no gradient."),
    Code("TRN210", "auxiliary-loss-not-optimized", _I, "A sum of losses is never differentiated, one of its terms is."),
    Code("TRN309", "frozen-batchnorm-still-tracks", _I, "A frozen batch norm moves its statistics."),
    Code("TRN313", "parameter-lost-to-operation", _E, "An attribute is computed from a parameter that no module holds."),
    Code("TRN805", "backward-inside-autocast", _I, "A loss is differentiated while autocast is on."),
    Code("TRN806", "scaler-with-bfloat16", _I, "A scaler scales losses in bfloat16."),
)

HELD = (
    Code("TRN402", "learning-rate-out-of-range", _W, "The learning rate is far from any that trains."),
    Code("TRN212", "hidden-state-not-detached", _E, "The graph of the batch before is differentiated again."),
    Code("TRN215", "generator-loss-detached", _E, "The loss of a generator does not reach it."),
    Code("TRN305", "loss-parameters-not-optimized", _W, "A loss has parameters that no optimizer holds."),
    Code("TRN312", "unregistered-layers", _E, "Layers are kept where no optimizer finds them."),
    Code("TRN314", "layer-created-in-forward", _W, "A layer is built anew in each forward pass."),
    Code("TRN504", "bce-loss-on-logits", _W, "Binary cross entropy gets raw scores."),
    Code("TRN001", "training-data-not-shuffled", _I, "A loader hands out its samples in order."),
    Code("TRN003", "constant-weight-initialisation", _W, "All units of a layer are alike."),
    Code("TRN111", "wrapped-optimizer-bypassed", _W, "An optimizer is stepped past what holds it."),
    Code("TRN208", "discarded-detach", _W, "A detached tensor is dropped."),
    Code("TRN211", "loss-accumulated-with-graph", _W, "A sum of losses keeps their graphs."),
    Code("TRN213", "retain-graph-in-loop", _I, "A graph is kept and differentiated again."),
    Code("TRN214", "bootstrap-target-with-gradient", _W, "Gradients flow through a target."),
    Code("TRN308", "freezing-undone", _W, "What was frozen is let loose again."),
    Code("TRN317", "unintended-freeze", _I, "A layer is frozen as it was built."),
    Code("TRN318", "weights-reset-in-loop", _E, "What a step has changed is overwritten."),
    Code("TRN404", "hyperparameter-out-of-range", _I, "An option of an optimizer lies far outside of its range."),
    Code("TRN405", "adam-with-l2-decay", _O, "Adam adds its decay to the gradients."),
    Code("TRN406", "accumulated-loss-not-scaled", _I, "Losses of several passes are added up undivided."),
    Code("TRN408", "zero-grad-every-micro-batch", _E, "Gradients are cleared before they are applied."),
    Code("TRN409", "learning-rate-restored-from-checkpoint", _I, "A loaded state replaces the learning rate."),
    Code("TRN704", "scheduler-step-frequency", _W, "A schedule is stepped in the wrong loop."),
    Code("TRN901", "distributed-wrapper-bypassed", _E, "A model is called past its distributed wrapper."),
    Code("TRN903", "plain-backward-under-accelerator", _E, "A loss is differentiated past the library in charge."),
    Code("TRN907", "configure-optimizers-returns-nothing", _E, "An optimizer is built and lost."),
)
"""Rules that a run confirms or refutes where the analysis speaks, and does not report by itself."""

BY_CODE = {code.code: code for code in (*OWN, *RULES, *HELD)}

OF_STATUS = {
    Status.ZERO_GRADIENT: "TRNP01",
    Status.NO_GRADIENT: "TRNP02",
    Status.UNUSED: "TRNP03",
    Status.DECAY_ONLY: "TRNP04",
    Status.MOMENTUM_ONLY: "TRNP05",
    Status.ROUNDED_AWAY: "TRNP06",
    Status.NOT_STEPPED: "TRNP07",
    Status.STEP_SKIPPED: "TRNP08",
    Status.NON_FINITE: "TRNP09",
    Status.MOVED: "TRNP10",
    Status.FROZEN_BUT_CHANGED: "TRNP11",
    Status.CLIPPED_AWAY: "TRN807",
}

OF_BATCH = {
    "input-not-finite": "TRNP30",
    "large-inputs": "TRNP31",
    "identical-samples": "TRNP32",
    "one-class": "TRNP33",
    "initial-loss": "TRNP34",
    "loss-not-finite": "TRNP35",
    "dead-activations": "TRNP36",
    "saturated-activations": "TRNP37",
    "constant-columns": "TRNP38",
    "integer-images": "TRNP39",
    "broken-columns": "TRNP42",
    "imbalanced-labels": "TRNP43",
    "one-sample": "TRNP44",
    "samples-mixed": "TRN512",
    "one-output": "TRN505",
}
