"""An optimizer is handed something that it cannot train.

## What it does
Finds optimizers over the values of parameters (`p.data`, `p.detach()`, `model.state_dict().values()`), over tensors that
require no gradient or are results of operations, over a module, or over a method that is not called.

## Why it matters
Values and plain tensors never get a gradient: each step passes them by, in silence. The others raise an error when the
optimizer is built.

## Example
```python
optimizer = torch.optim.SGD([p.data for p in model.parameters()], lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## Use instead
```python
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## When it stays silent
Where nothing is differentiated or stepped, where the program writes the gradients itself, where the tensors are made to
require gradients later, and where it is out of sight how they came about.

## Fix safety
Unsafe: what was passed by trains from then on.

## References
- [torch.optim: constructing it](https://docs.pytorch.org/docs/stable/optim.html#constructing-it)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...analysis.wiring.handed import Wrong
from ...finding import Severity
from ..remedy import Compose, Remedy
from ..rule import Fixability, Observation, Rule, confidence

_MESSAGES = {
    Wrong.MODULE: "{} is handed the module{} in place of its parameters: this raises an error",
    Wrong.METHOD: "{} is handed the method{}, which is not called: this raises an error",
    Wrong.TENSOR: "{} is handed one tensor{}, where it takes a collection: this raises an error",
    Wrong.VALUES: "{} is handed values of parameters{}, which get no gradient: its steps change nothing",
    Wrong.NO_GRADIENT: "{} is handed tensors that require no gradient{}: its steps pass them by",
    Wrong.RESULT: "{} is handed the result of an operation{}, and takes only leaves: this raises an error",
}
_ENDINGS = {Wrong.MODULE: ("", ".parameters()"), Wrong.METHOD: ("", "()"), Wrong.TENSOR: ("[", "]")}


def check(facts: Facts) -> Iterable[Observation]:
    for one in facts.wrong_holdings:
        holder = f"`{one.optimizer.name}`" if one.optimizer.name else "this optimizer"
        written = ast.unparse(one.argument) if one.argument is not None else "["
        given = f" `{written}`" if written[0].isalpha() else ""
        remedies: tuple[Remedy, ...] = ()
        if one.argument is not None and one.wrong in _ENDINGS:
            before, after = _ENDINGS[one.wrong]
            pieces = tuple(piece for piece in (before, one.argument, after) if piece)
            remedies = (Compose(one.argument, pieces, f"Write `{before}{ast.unparse(one.argument)}{after}`"),)
        elif one.instead is not None and one.argument is not None:
            remedies = (Compose(one.argument, (one.instead,), f"Write `{ast.unparse(one.instead)}`"),)
        yield Observation(one.built, _MESSAGES[one.wrong].format(holder, given), confidence(True), remedies=remedies)


RULE = Rule("TRN310", "optimizer-over-non-parameters", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
