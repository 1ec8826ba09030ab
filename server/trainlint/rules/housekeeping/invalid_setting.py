"""A setting cannot be used.

## What it does
Reports what `trainlint.toml` or the `[tool.trainlint]` table of `pyproject.toml` holds and nobody can act on: an unknown key, a
value of the wrong type, a selector that picks no rule, text that is not TOML. It stands at the line of that file.

## Why it matters
A misspelled `ignore` ignores nothing, and a misspelled `select` checks something else than what was asked for. So nothing is
checked until the setting is mended.

## Example
```toml
[tool.trainlint]
selct = ["TRN1"]
```

## Use instead
```toml
[tool.trainlint]
select = ["TRN1"]
```

## When it stays silent
It cannot be silenced: settings that are not understood cannot say so.

## Fix safety
There is no fix.

## References
- [TOML](https://toml.io/en/v1.0.0)
"""

from __future__ import annotations

from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..rule import Fixability, Observation, Rule


def check(facts: Facts) -> Iterable[Observation]:
    """Settings are read before there is any program: who reads them reports this rule."""
    return ()


RULE = Rule("TRN091", "invalid-setting", Severity.ERROR, Fixability.NEVER, "0.1.0", check)
