"""What the first batches look like: the inputs, the targets, the first loss, the activations, the mode."""

from __future__ import annotations

import math
from typing import Any

import torch

from ..protocol import BatchSeen, ModelSeen, ModeSeen
from .ledger import Ledger
from .places import here
from .tensors import scalar

_MODELS = 8
"""Calls of models whose inputs are looked at."""

_SAMPLES = 4
"""Samples of a batch that can be the same by chance are fewer."""

_LARGE = 64.0
"""Root mean square of an input beyond which its scale alone can stop learning."""

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
        if self._seen >= _MODELS or next(module.parameters(), None) is None:
            return
        self._seen += 1
        self._node = next((each.grad_fn for each in _outputs(output) if each.grad_fn is not None), None)
        try:
            self._look(module, arguments, output, ledger)
        finally:
            self._node = None

    def _look(self, module: Any, arguments: Any, output: Any, ledger: Ledger) -> None:
        self._model(module, ledger)
        if not module.training:
            self._mode(module, ledger)
        inputs = [value for value in arguments if isinstance(value, torch.Tensor)]
        if not inputs or inputs[0].numel() == 0 or inputs[0].layout != torch.strided:
            return
        first = inputs[0].detach()
        if first.is_floating_point():
            self._scale(module, first)
        if first.dim() > 1 and first.shape[0] >= _SAMPLES and bool((first == first[:1]).all()):
            self._say("identical-samples", f"all {first.shape[0]} samples of the batch are the same")
        if first.dim() == 4 and isinstance(output, torch.Tensor) and output.dim() == 2:
            rows, samples = output.shape[0], first.shape[0]
            if rows != samples and rows % samples:
                self._say("samples-mixed", f"{samples} samples go in and {rows} rows come out")

    def activation(self, module: Any, output: Any) -> None:
        """The output of one activation layer while gradients are on."""
        if not isinstance(output, torch.Tensor) or output.numel() < 16 or ("seen", id(module)) in self._kinds:
            return
        self._kinds.add(("seen", id(module)))
        value = output.detach()
        if isinstance(module, (torch.nn.ReLU, torch.nn.ReLU6)):
            if not bool(value.any()):
                self._say("dead-activations", "a `ReLU` puts out nothing but zeros", id(module))
        else:
            low = 0.01 if isinstance(module, torch.nn.Sigmoid) else -0.99
            share = float(((value > 0.99) | (value < low)).double().mean().item())
            if share > 0.95:
                name = type(module).__name__
                self._say(
                    "saturated-activations",
                    f"{share:.0%} of the outputs of a `{name}` are saturated",
                    id(module),
                )

    def loss_function(self, name: str, args: Any, kwargs: Any, result: Any) -> None:
        """A call of a classification loss: the number of classes, the balance of labels, the first value."""
        if name not in ("cross_entropy", "nll_loss") or len(args) + len(kwargs) < 2 or self._losses:
            return
        scores = args[0] if args else kwargs.get("input")
        target = args[1] if len(args) > 1 else kwargs.get("target")
        if not isinstance(scores, torch.Tensor) or not isinstance(target, torch.Tensor) or scores.dim() < 2:
            return
        classes = int(scores.shape[1])
        if classes == 1 and name == "cross_entropy":
            self._say("one-output", "cross entropy over a single output is zero whatever the model puts out")
        if target.is_floating_point() or target.numel() < 8 or classes < 2:
            return
        if bool((target == target.reshape(-1)[0]).all()):
            self._say(
                "one-class",
                f"all {target.numel()} targets of the batch are class {int(target.reshape(-1)[0])}",
            )
        value, expected = scalar(result), math.log(classes)
        if value is not None and kwargs.get("reduction", "mean") == "mean" and value > 3 * expected + 1:
            self._say(
                "initial-loss",
                f"the first loss is {value:.3g}; {classes} classes guessed evenly give {expected:.3g}",
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
            self._say("loss-not-finite", f"the loss is {value}")

    def _scale(self, module: Any, value: Any) -> None:
        finite = torch.isfinite(value)
        if not bool(finite.all()):
            broken = int((~finite).sum().item())
            self._say("input-not-finite", f"{broken} of {value.numel()} input values are NaN or infinite")
            return
        size = float(value.double().square().mean().sqrt().item())
        if size > _LARGE:
            low, high = float(value.min().item()), float(value.max().item())
            self._say("large-inputs", f"the inputs run from {low:.4g} to {high:.4g}")

    def _mode(self, module: Any, ledger: Ledger) -> None:
        layers = [each for each in module.modules() if isinstance(each, _LAYERS_OF_MODE)]
        if layers and not any(each.training for each in layers):
            label = ledger.label(module)
            if all(each.model != label for each in self.modes):
                kinds = list(dict.fromkeys(type(each).__name__ for each in layers))
                self._tell(self.modes, ModeSeen(label, kinds, here(), ledger.origins.switched_at(module)))

    def _model(self, module: Any, ledger: Ledger) -> None:
        layers = [each.training for each in module.modules() if isinstance(each, _LAYERS_OF_MODE)]
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


def subtracts_the_mean(module: Any) -> bool:
    """Whether a normalisation uses the statistics of the batch, which hold whatever the layer before it added."""
    return bool(module.training) or module.running_mean is None


def _outputs(output: Any) -> list[Any]:
    """The tensors in what a model returned."""
    if isinstance(output, torch.Tensor):
        return [output]
    values = output.values() if isinstance(output, dict) else output if isinstance(output, (list, tuple)) else ()
    return [each for each in values if isinstance(each, torch.Tensor)]
