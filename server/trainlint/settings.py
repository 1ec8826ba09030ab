"""What the user chose: which rules run, how loud they are, and which files are left out."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from .finding import Severity

SELECTOR = re.compile(r"TRNP?[0-9]{0,3}|[a-z0-9]+(?:-[a-z0-9]+)+")
"""A full code, a prefix of codes, or a rule's name."""

_EXACT = 100


def specificity(selector: str, code: str, name: str) -> int:
    """How narrowly `selector` picks the rule: 0 not at all, more by length, most for a full code or name."""
    if selector in (code, name):
        return _EXACT
    return len(selector) if code.startswith(selector) else 0


@dataclass(frozen=True)
class Settings:
    """`select`, `ignore` and `severity` hold full codes, prefixes (``TRN1``) or names (``missing-step``).

    Patterns of `per_file_ignores` and `exclude` are those of a .gitignore that lies in `root`.
    Two settings that are equal give the same findings for the same document.
    """

    select: tuple[str, ...] = ("TRN",)
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict, hash=False)
    extend_select: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    exclude: tuple[str, ...] = ()
    root: Path | None = None
    file_ignore: tuple[str, ...] = ()

    def selects(self, code: str, name: str, heuristic: bool = False) -> bool:
        """Whether findings of the rule are shown: by `select` or `ignore`, whichever is more specific.

        What is `heuristic` (a rule that is off by default, or a finding of that confidence) needs its full
        code or its name in `select` or `extend_select`, or a severity of its own.
        """
        if any(specificity(selector, code, name) for selector in self.file_ignore):
            return False
        configured = self.severity_of(code, name)
        if configured is Severity.OFF:
            return False
        chosen = _best((*self.select, *self.extend_select), code, name)
        if heuristic and configured is None and chosen < _EXACT:
            return False
        return chosen > _best(self.ignore, code, name)

    def severity_of(self, code: str, name: str) -> Severity | None:
        """The severity the user gave to the rule, by the most specific selector; None where there is none."""
        matching = [selector for selector in self.severity if specificity(selector, code, name)]
        if not matching:
            return None
        return self.severity[max(matching, key=lambda selector: specificity(selector, code, name))]

    def for_file(self, path: str) -> Settings:
        """These settings with what `per_file_ignores` holds for `path`; applied twice as applied once."""
        if not self.per_file_ignores:
            return self
        inside = self.relative(path)
        ignored: list[str] = []
        if inside is not None:
            from pathspec import GitIgnoreSpec

            for pattern, selectors in self.per_file_ignores:
                if GitIgnoreSpec.from_lines([pattern]).match_file(inside):
                    ignored.extend(selectors)
        return replace(self, per_file_ignores=(), file_ignore=(*self.file_ignore, *ignored))

    def relative(self, path: str) -> str | None:
        """`path` as the patterns see it: below `root`, with forward slashes; None where it lies elsewhere."""
        try:
            return Path(os.path.abspath(path)).relative_to(self.root or Path.cwd()).as_posix()
        except ValueError:
            return None

    def selectors(self) -> tuple[str, ...]:
        """Every selector that is written anywhere in these settings."""
        per_file = (selector for _, selectors in self.per_file_ignores for selector in selectors)
        return (*self.select, *self.extend_select, *self.ignore, *self.severity, *per_file)


def unknown_selector(selectors: Iterable[str], rules: Mapping[str, str]) -> str | None:
    """A sentence about the first selector that picks none of `rules` (name by code), or None."""
    for selector in selectors:
        if not any(specificity(selector, code, name) for code, name in rules.items()):
            return f'"{selector}" selects no rule{did_you_mean(selector, [*rules, *rules.values()])}'
    return None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """``; did you mean "..."?`` with the closest of `words`, or nothing where none is close."""
    from difflib import get_close_matches

    known = {known.lower(): known for known in words}
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f'; did you mean "{known[close[0]]}"?' if close else ""


def _best(selectors: Iterable[str], code: str, name: str) -> int:
    return max((specificity(selector, code, name) for selector in selectors), default=0)
