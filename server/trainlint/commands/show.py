"""``--show-settings``: what governs a path, and which rules that leaves on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from ..configuration import Configuration
from ..finding import Severity
from ..rules import RULES
from ..settings import Settings


def show_settings(path: str, configuration: Configuration) -> str:
    """The settings for `path` as a ``trainlint.toml``, their origin and the rules they select as comments."""
    real = Path(os.path.abspath(path))
    folder = real if real.is_dir() else real.parent
    settings = configuration.for_folder(folder)
    lines = [
        f"# for {path}, from {configuration.origin(folder)}",
        _line("select", settings.select),
        _line("extend-select", settings.extend_select),
        _line("ignore", settings.ignore),
        _line("exclude", settings.exclude),
        "",
        "[per-file-ignores]",
        *(_line(json.dumps(pattern), ignored) for pattern, ignored in settings.per_file_ignores),
        "",
        "[severity]",
        *(f"{json.dumps(selector)} = {json.dumps(word.value)}" for selector, word in settings.severity.items()),
        "",
        f"# rules that are on for {path}:",
        *(f"#   {rule}" for rule in _selected(settings.for_file(path))),
    ]
    return "\n".join(lines) + "\n"


def _selected(settings: Settings) -> Iterable[str]:
    for rule in RULES:
        if settings.selects(rule.code, rule.name, heuristic=rule.severity is Severity.OFF):
            severity = settings.severity_of(rule.code, rule.name) or rule.severity
            yield f"{rule.code} {rule.name} ({severity.value})"


def _line(key: str, values: Iterable[str]) -> str:
    return f"{key} = [{', '.join(json.dumps(value) for value in values)}]"
