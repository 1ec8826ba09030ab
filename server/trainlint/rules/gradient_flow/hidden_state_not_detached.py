"""A state is carried from batch to batch with its graph, which has been differentiated and is gone.

## What it does
Finds backwards that run in every turn of a loop and go through a value of the turn before: the hidden state of a recurrent
layer, or another result that the next turn starts from.

## Why it matters
The backward of the turn before freed that graph: the second one raises an error ("Trying to backward through the graph a
second time").

## Example
```python
rnn, head = nn.GRU(4, 8, batch_first=True), nn.Linear(8, 2)
optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=0.1)
hidden = None
for x, y in loader:
    optimizer.zero_grad()
    output, hidden = rnn(x, hidden)
    loss = criterion(head(output[:, -1]), y)
    loss.backward()
    optimizer.step()
```

## Use instead
```python
rnn, head = nn.GRU(4, 8, batch_first=True), nn.Linear(8, 2)
optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=0.1)
hidden = None
for x, y in loader:
    optimizer.zero_grad()
    output, hidden = rnn(x, hidden)
    loss = criterion(head(output[:, -1]), y)
    loss.backward()
    hidden = hidden.detach()
    optimizer.step()
```

## When it stays silent
Where the state is detached, also in place or inside the model, where it is set anew on some path, where the backward does not
run in every turn or keeps its graph, and where the model is out of sight.

## Fix safety
Unsafe: training changes, which is the point. Offered where the state is that of a recurrent layer.

## References
- [torch.Tensor.backward](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html)
- [Autograd mechanics: saved tensors](https://docs.pytorch.org/docs/stable/notes/autograd.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Insert
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for carried in facts.carried_graphs:
        if carried.retained:
            continue
        backward, release = carried.backward, carried.release
        yield Observation(
            backward.site,
            f"the second backward on `{backward.text}` raises an error: `{written(carried.carrier)}` starts from a value of "
            "the turn before, whose graph is gone by then",
            confidence(True),
            (
                (carried.carrier.site.node, "takes the graph of the turn before into this one"),
                (carried.loop.node, "nothing in this loop detaches it"),
            ),
            (Insert(backward.site, release, "after the backward"),) if release is not None else (),
        )


RULE = Rule("TRN212", "hidden-state-not-detached", Severity.ERROR, Fixability.SOMETIMES, "0.1.0", check)
