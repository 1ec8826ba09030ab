"""The pages of rules as files in the user's cache, so that an editor opens them without a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from .. import __version__


class Rule(Protocol):
    """What is shown of a rule; `doc` is Markdown that begins with a summary."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def doc(self) -> str: ...


class Pages:
    """Where the page of each rule lies. A page is written when it is asked for first."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules: Mapping[str, Rule] = {rule.code: rule for rule in rules}
        self._written: dict[str, str | None] = {}

    def uri(self, code: str) -> str | None:
        """The ``file:`` URI of a rule's page; None where `code` is no rule's, or nothing can be written."""
        rule = self._rules.get(code)
        if rule is None:
            return None
        if code not in self._written:
            self._written[code] = None
            with suppress(OSError):
                self._written[code] = _write(rule)
        return self._written[code]


def _write(rule: Rule) -> str:
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("trainlint", False)) / __version__ / "rules"
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{rule.code}.md"
    text = f"# {rule.name} ({rule.code})\n\n{rule.doc.strip()}\n"
    if not page.is_file() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")
    return page.as_uri()
