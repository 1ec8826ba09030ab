"""A file with training code cannot be parsed.

## What it does
Reports files that mention training and that the parser cannot read: a syntax error, a null byte, Python 2.

## Why it matters
Nothing in such a file is checked. A clean report would say more than it knows.

## Example
```python
for x, y in loader
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## When it stays silent
In the editor, where half-typed text is the normal state and other tools show syntax errors. For files without any
training vocabulary.

## Fix safety
There is no fix.

## References
- [Lexical analysis](https://docs.python.org/3/reference/lexical_analysis.html)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..rule import Fixability, Observation, Rule


def check(facts: Facts) -> Iterable[Observation]:
    """Facts exist of readable files only: the engine reports the others under this rule."""
    return ()


RULE = Rule("TRN000", "unreadable-file", Severity.ERROR, Fixability.NEVER, "0.1.0", check)
