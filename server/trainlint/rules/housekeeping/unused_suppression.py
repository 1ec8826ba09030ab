"""A comment silences a rule that says nothing there.

## What it does
Reports `# trainlint: ignore[...]`, `# trainlint: ignore-file[...]` and `# noqa: TRN...` comments that silence no finding: the
mistake was mended, the line has moved, the code names no rule, or no code is given at all.

## Why it matters
The comment stays when the mistake has gone, and silences the next one at the same place.

## Example
```python
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()  # trainlint: ignore[TRN101]
```

## Use instead
```python
for x, y in loader:
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
```

## When it stays silent
For rules that are not selected: what they would say is not known. In functions that other files may call, since a finding may
be theirs. For files without any training vocabulary, and for those that are too large to be analysed in full.

## Fix safety
Safe: the comment, or the code in it that silences nothing, is deleted.

## References
- [Suppressing errors in ruff: unused suppression comments](https://docs.astral.sh/ruff/rules/unused-noqa/)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from ...analysis.facts import Facts
from ...finding import Applicability, Edit, Fix, Severity
from ...source.suppress import Silencer, Suppressions, picks
from ...source.text import Position, SourceText, Span
from ..rule import Fixability, Observation, Rule

_HOUSEKEEPING = "TRN0[09][0-9]"


def check(facts: Facts) -> Iterable[Observation]:
    """Only who has seen all findings knows what was silenced: the engine asks `unused` when the rules are through."""
    return ()


def unused(
    suppressions: Suppressions,
    rules: Collection[Rule],
    checked: Collection[Rule],
    is_open: Callable[[int], bool],
    source: SourceText,
) -> Iterator[tuple[Span, str, Fix]]:
    """What in the comments silenced none of the `checked` of all `rules`. `is_open`: at this line findings may be another's."""
    for silencer in suppressions.silencers:
        if not silencer.selectors:
            yield silencer.span, "this comment names no rule, so it silences nothing", _without(silencer, (), source)
        idle: list[tuple[str, str]] = []
        for selector in silencer.selectors:
            meant = [rule for rule in rules if picks(selector, rule.code, rule.name)]
            if not meant:
                if not silencer.shared or selector.upper().startswith("TRN"):
                    idle.append((selector, f"there is no rule `{selector}`, so this comment silences nothing"))
                continue
            expected = [rule for rule in meant if not re.fullmatch(_HOUSEKEEPING, rule.code) and _runs(rule, len(meant))]
            known = bool(expected) and all(rule in checked for rule in expected) and not is_open(silencer.line)
            if known and (silencer.line, selector) not in suppressions.used:
                idle.append((selector, f"`{selector}` silences nothing here"))
        kept = tuple(selector for selector in silencer.selectors if selector not in dict(idle))
        if idle:
            yield silencer.span, idle[0][1] if len(idle) == 1 else _all(idle), _without(silencer, kept, source)


def _runs(rule: Rule, among: int) -> bool:
    """A rule that is off by default is meant only where it is named."""
    return rule.severity is not Severity.OFF or among == 1


def _all(idle: list[tuple[str, str]]) -> str:
    return ", ".join(f"`{selector}`" for selector, _ in idle) + " silence nothing here"


def _without(silencer: Silencer, kept: tuple[str, ...], source: SourceText) -> Fix:
    """Without the selectors that are not `kept`; without the comment, and the reason given in it, where none is."""
    if kept:
        return Fix("Delete the codes that silence nothing", Applicability.SAFE, (Edit(silencer.list_span, ", ".join(kept)),))
    number, start, end = silencer.span.start.line, silencer.span.start.column, silencer.span.end.column
    line = source.line(number)
    before, after = line[: start - 1], line[end - 1 :]
    another = after.find("#")
    if not before.strip() and another < 0 and number < source.line_count:
        span = Span(Position(number, 1), Position(number + 1, 1))
    elif another >= 0:
        span = Span(Position(number, start), Position(number, end + another))
    else:
        span = Span(Position(number, len(before.rstrip()) + 1), Position(number, len(line) + 1))
    return Fix("Delete the comment", Applicability.SAFE, (Edit(span, ""),))


RULE = Rule("TRN090", "unused-suppression", Severity.INFO, Fixability.ALWAYS, "0.1.0", check)
