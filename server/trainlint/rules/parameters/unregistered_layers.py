"""Layers or tensors of a module are kept where the module does not find its parameters.

## What it does
Finds classes of modules that keep layers in a plain list, tuple or dictionary, and tensors with `requires_grad=True`
that are no `nn.Parameter`.

## Why it matters
A module only knows what is assigned to it as a module or a parameter. `model.parameters()` leaves the rest out, so the
optimizer never trains it; `model.to(device)`, `state_dict()`, `train()` and `eval()` pass it by as well. Nothing warns.

## Example
```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(8, 8) for _ in range(3)]
        self.scale = torch.ones(8, requires_grad=True)
```

## Use instead
```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])
        self.scale = nn.Parameter(torch.ones(8))
```

## When it stays silent
Where the layers are registered elsewhere too (`add_module`, another container, an attribute of their own), where code
in sight hands out their parameters itself, where they have none, are frozen or come from out of sight; for a literal
list of one, which is how people hide a model on purpose; for classes that are no modules.

## Fix safety
Unsafe: the layers train from then on, and the keys of the state dictionary change.

## References
- [torch.nn.ModuleList](https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.models.registration import HiddenLayers, LooseTensor
from ...finding import Severity
from ..remedy import HandTo
from ..rule import Fixability, Observation, Rule, confidence


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.registration.unregistered:
        if isinstance(one, HiddenLayers):
            message = (
                f"`self.{one.attribute}` is a plain {one.kind}: the module does not know the layers in it, "
                "`parameters()` leaves them out and they never train"
            )
            wanted = one.container
        elif isinstance(one, LooseTensor):
            message = (
                f"`self.{one.attribute}` requires gradients and is no parameter: `parameters()` leaves it out and it never trains"
            )
            wanted = one.parameter_class
        else:
            continue
        remedies = (HandTo(one.value, wanted),) if wanted else ()
        yield Observation(one.value, message, confidence(True), remedies=remedies)


RULE = Rule("TRN312", "unregistered-layers", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
