"""What the first batches look like: the inputs, the targets, the first loss, the activations, the mode."""

from __future__ import annotations

import math
from typing import Any

import torch

from ..observation import BatchSeen, ModelSeen, ModeSeen
from .graph import history
from .ledger import Ledger
from .modules import modules, parameters
from .places import here
from .tensors import has_values, scalar

_MODELS = 8
"""Calls of models whose inputs are looked at."""

_SAMPLES = 4
"""Samples of a batch that can be the same by chance are fewer."""

_ROWS = 32
"""Rows in which a column that is the same is no accident."""

_TABLE = 64
"""Columns of a table; rows that are wider are pictures laid flat, with margins that are the same."""

_MANY = 32
_IMBALANCED = 0.95
"""Share of one class from which on it owns the gradient, in batches of at least `_MANY`: with 19 of 20 samples in one class
a model that always answers it has an error of 5 % (He and Garcia, "Learning from imbalanced data", 2009, speak of between-class
imbalance from 100:1 on; half a batch is too small to see that)."""

_LARGE = 64.0
"""Root mean square of an input beyond which its scale alone can stop learning: of the factors 1, 4, 16, 64, 256 and 1024, the
first at which a setting of `benchmarks/input_scale.py` that learns at 1 (SGD at 0.1, ReLU) does no better than chance."""

ACTIVATIONS = (torch.nn.ReLU, torch.nn.ReLU6, torch.nn.Sigmoid, torch.nn.Tanh)
"""Layers whose outputs can be dead or saturated."""

ADDING = (torch.nn.Linear, torch.nn.modules.conv._ConvNd)
"""Layers that add a bias."""

NORMALISATIONS = (torch.nn.modules.batchnorm._BatchNorm, torch.nn.modules.instancenorm._InstanceNorm)

_LAYERS_OF_MODE = (
    torch.nn.modules.dropout._DropoutNd,
    torch.nn.modules.batchnorm._BatchNorm,
)


class BatchWatch:
    def __init__(self) -> None:
        self.facts: list[BatchSeen] = []
        self.modes: list[ModeSeen] = []
        self.models: list[ModelSeen] = []
        self._seen = 0
        self._kinds: set[tuple[str, int]] = set()
        self._losses = 0
        self._node: Any = None
        self._pending: list[tuple[Any, list[Any], Any]] = []

    def model(self, module: Any, arguments: Any, output: Any, ledger: Ledger) -> None:
        """An outermost call of a model, with gradients on."""
        if self._seen >= _MODELS or next(parameters(module), None) is None:
            return
        self._seen += 1
        self._node = next((node for node in map(history, _outputs(output)) if node is not None), None)
        try:
            self._look(module, arguments, output, ledger)
        finally:
            self._node = None

    def _look(self, module: Any, arguments: Any, output: Any, ledger: Ledger) -> None:
        self._model(module, ledger)
        if not module.training:
            self._mode(module, ledger)
        inputs = [value for value in arguments if has_values(value)]
        if not inputs or inputs[0].numel() == 0:
            return
        first = inputs[0].detach()
        if first.is_floating_point():
            self._scale(module, first)
        self._columns(first)
        self._size(module, first)
        if first.dim() > 1 and first.shape[0] >= _SAMPLES and bool((first == first[:1]).all()):
            self._say("identical-samples", f"all {first.shape[0]} samples of the batch are the same: look at the loader")
        if first.dim() == 4 and isinstance(output, torch.Tensor) and output.dim() == 2:
            rows, samples = output.shape[0], first.shape[0]
            if rows != samples and rows % samples:
                self._say(
                    "samples-mixed", f"{samples} samples go in and {rows} rows come out: look at the `view` before the last layer"
                )

    def activation(self, module: Any, output: Any) -> None:
        """The output of one activation layer while gradients are on."""
        if not has_values(output) or output.numel() < 16 or ("seen", id(module)) in self._kinds:
            return
        self._kinds.add(("seen", id(module)))
        value = output.detach()
        if isinstance(module, (torch.nn.ReLU, torch.nn.ReLU6)):
            if not bool(value.any()):
                self._say(
                    "dead-activations",
                    "a `ReLU` puts out nothing but zeros: lower the learning rate, or use `LeakyReLU`",
                    id(module),
                )
        else:
            low = 0.01 if isinstance(module, torch.nn.Sigmoid) else -0.99
            share = float(((value > 0.99) | (value < low)).double().mean().item())
            if share > 0.95:
                name = type(module).__name__
                self._say(
                    "saturated-activations",
                    f"{share:.0%} of the outputs of a `{name}` are saturated: scale its inputs down",
                    id(module),
                )

    def loss_function(self, name: str, args: Any, kwargs: Any, result: Any) -> None:
        """A call of a classification loss: the number of classes, the balance of labels, the first value."""
        if name not in ("cross_entropy", "nll_loss") or len(args) + len(kwargs) < 2 or self._losses:
            return
        scores = args[0] if args else kwargs.get("input")
        target = args[1] if len(args) > 1 else kwargs.get("target")
        if not has_values(scores) or not has_values(target) or scores.dim() < 2:
            return
        classes = int(scores.shape[1])
        if classes == 1 and name == "cross_entropy":
            self._say(
                "one-output", "cross entropy over a single output is zero whatever the model puts out: use binary cross entropy"
            )
        if target.is_floating_point() or target.numel() < 8 or classes < 2:
            return
        if bool((target == target.reshape(-1)[0]).all()):
            self._say(
                "one-class",
                f"all {target.numel()} targets of the batch are class {int(target.reshape(-1)[0])}: shuffle the data",
            )
        elif target.dim() == 1 and target.numel() >= _MANY and bool((target >= 0).all()):
            counts = torch.bincount(target.detach().long())
            share = float(counts.max().item()) / target.numel()
            if share >= _IMBALANCED:
                told = f"{share:.0%} of the {target.numel()} targets of the batch are class {int(counts.argmax().item())}"
                self._say("imbalanced-labels", f"{told}: weight the classes, or sample them evenly")
        value, expected = scalar(result), math.log(classes)
        if value is not None and kwargs.get("reduction", "mean") == "mean" and value > 3 * expected + 1:
            self._say(
                "initial-loss",
                f"the first loss is {value:.3g}; {classes} classes guessed evenly give {expected:.3g}: look at the scale "
                "of the inputs and of the last layer",
            )

    def loss(self, value: float | None, nodes: set[Any] | None) -> None:
        """A loss that is about to be differentiated; `nodes` are those of its graph, None where they are
        unknown.
        """
        self._losses += 1
        for node, facts, fact in self._pending:
            if nodes is None or node in nodes:
                facts.append(fact)
        self._pending.clear()
        if value is not None and self._losses <= 2 and not math.isfinite(value):
            self._say(
                "loss-not-finite", f"the loss is {value}: look for a logarithm, a root or a division at zero, or a rate too high"
            )

    def _scale(self, module: Any, value: Any) -> None:
        finite = torch.isfinite(value)
        if not bool(finite.all()):
            broken = int((~finite).sum().item())
            self._say("input-not-finite", f"{broken} of {value.numel()} input values are NaN or infinite: clean the data first")
            return
        size = float(value.double().square().mean().sqrt().item())
        low, high = float(value.min().item()), float(value.max().item())
        if size > _LARGE and value.dim() == 4 and low >= 0 and high <= 255 and bool((value == value.round()).all()):
            self._say(
                "integer-images", f"the images hold whole numbers from {low:.0f} to {high:.0f}: divide by 255 and normalise"
            )
        elif size > _LARGE:
            self._say("large-inputs", f"the inputs run from {low:.4g} to {high:.4g}: bring them to a scale of about 1")

    def _columns(self, value: Any) -> None:
        """Features of tables that say nothing: the same in every sample, or not finite."""
        if value.dim() != 2 or value.shape[0] < _ROWS or value.shape[1] > _TABLE or not value.is_floating_point():
            return
        broken = (~torch.isfinite(value)).any(0).nonzero().reshape(-1).tolist()
        if broken and len(broken) < value.shape[1]:
            self._say(
                "broken-columns", f"{_columns(broken)} of the inputs {_hold(broken)} NaN or infinite values: fill or drop them"
            )
        same = [each for each in (value == value[:1]).all(0).nonzero().reshape(-1).tolist() if float(value[0, each].item())]
        bias = len(same) == 1 and float(value[0, same[0]].item()) == 1.0
        if same and not bias and len(same) < value.shape[1]:
            told = f"{_columns(same)} of the inputs {_is(same)} the same in all {value.shape[0]} samples"
            self._say("constant-columns", f"{told}: see how they are made, or drop them")

    def _size(self, module: Any, value: Any) -> None:
        """A batch of one leaves batch normalisation without a batch."""
        norms = [each for each in modules(module) if isinstance(each, NORMALISATIONS[:1]) and each.training]
        if norms and value.dim() > 1 and value.shape[0] == 1:
            kind = type(norms[0]).__name__
            self._say("one-sample", f"the batch holds one sample, and `{kind}` normalises over the batch: use larger batches")

    def _mode(self, module: Any, ledger: Ledger) -> None:
        layers = [each for each in modules(module) if isinstance(each, _LAYERS_OF_MODE)]
        if layers and not any(each.training for each in layers):
            label = ledger.label(module)
            if all(each.model != label for each in self.modes):
                kinds = list(dict.fromkeys(type(each).__name__ for each in layers))
                self._tell(self.modes, ModeSeen(label, kinds, here(), ledger.origins.switched_at(module)))

    def _model(self, module: Any, ledger: Ledger) -> None:
        layers = [each.training for each in modules(module) if isinstance(each, _LAYERS_OF_MODE)]
        mode = "" if not layers else "train" if all(layers) else "mixed" if any(layers) else "eval"
        label = ledger.label(module)
        known = next((each for each in self.models if each.name == label), None)
        if known is None:
            self._tell(self.models, ModelSeen(label, mode, here(), ledger.origins.switched_at(module)))
        elif known.training != mode:
            known.training = "mixed"

    def _say(self, kind: str, text: str, key: int = 0) -> None:
        if (kind, key) not in self._kinds:
            self._kinds.add((kind, key))
            self._tell(self.facts, BatchSeen(kind, text, here()))

    def _tell(self, facts: list[Any], fact: Any) -> None:
        """Tell a fact at once, or, where it is about a call of a model, when that call turns out to feed a
        loss.
        """
        if self._node is None:
            facts.append(fact)
        else:
            self._pending.append((self._node, facts, fact))


def _columns(numbers: list[int]) -> str:
    told = ", ".join(map(str, numbers[:4])) + (" and more" if len(numbers) > 4 else "")
    return f"column {told}" if len(numbers) == 1 else f"columns {told}"


def _hold(numbers: list[int]) -> str:
    return "holds" if len(numbers) == 1 else "hold"


def _is(numbers: list[int]) -> str:
    return "is" if len(numbers) == 1 else "are"


def subtracts_the_mean(module: Any) -> bool:
    """Whether a normalisation uses the statistics of the batch, which hold whatever the layer before it added."""
    return bool(module.training) or module.running_mean is None


def _outputs(output: Any) -> list[Any]:
    """The tensors in what a model returned."""
    if isinstance(output, torch.Tensor):
        return [output]
    values = output.values() if isinstance(output, dict) else output if isinstance(output, (list, tuple)) else ()
    return [each for each in values if isinstance(each, torch.Tensor)]
