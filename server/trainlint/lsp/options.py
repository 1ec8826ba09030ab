"""What the user set in the editor, under ``trainlint``, which goes over the project's own configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from ..finding import Severity
from ..settings import SELECTOR, Settings


class Run(str, Enum):
    """When a document is analysed."""

    ON_TYPE = "onType"
    ON_SAVE = "onSave"


@dataclass(frozen=True)
class Options:
    """The editor's settings for one folder. None leaves the project's configuration as it is."""

    enable: bool = True
    run: Run = Run.ON_TYPE
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    severity: Mapping[str, Severity] | None = None

    def over(self, project: Settings) -> Settings:
        """`project` with what the editor sets in its place; severities are added to those of the project."""
        chosen = project
        if self.select is not None:
            chosen = replace(chosen, select=self.select)
        if self.ignore is not None:
            chosen = replace(chosen, ignore=self.ignore)
        if self.severity is not None:
            chosen = replace(chosen, severity={**chosen.severity, **self.severity})
        return chosen


def read(sent: object, under: Options | None = None) -> tuple[Options, list[str]]:
    """Options from what a client sent, over those in `under`, and a sentence for every unusable value.

    Unknown names belong to the editor's extension and are passed over, as is null, which says "not set".
    """
    options = under or Options()
    if not isinstance(sent, Mapping):
        return options, []
    problems: list[str] = []
    for name in (field.name for field in fields(Options)):
        value = sent.get(name)
        if value is None:
            continue
        try:
            options = replace(options, **{name: _READERS[name](value)})
        except ValueError as error:
            problems.append(f"setting `trainlint.{name}`: {error}")
    return options, problems


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _run(value: Any) -> Run:
    try:
        return Run(value)
    except ValueError:
        raise ValueError(f'{value!r} is neither "onType" nor "onSave"') from None


def _selectors(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list of rule codes or names")
    return tuple(_selector(item) for item in value)


def _selector(value: Any) -> str:
    if not isinstance(value, str) or not SELECTOR.fullmatch(value):
        raise ValueError(f"{value!r} is neither a rule's code, the beginning of one, nor a rule's name")
    return value


def _severity(value: Any) -> Mapping[str, Severity]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} does not map rules to severities")
    levels = [level.value for level in Severity]
    for rule, level in value.items():
        _selector(rule)
        if level not in levels:
            raise ValueError(f"{level!r} for {rule} is none of {', '.join(levels)}")
    return {rule: Severity(level) for rule, level in value.items()}


_READERS: dict[str, Callable[[Any], Any]] = {
    "enable": _flag,
    "run": _run,
    "select": _selectors,
    "ignore": _selectors,
    "severity": _severity,
}
