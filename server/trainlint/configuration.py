"""Settings from files: ``trainlint.toml``, or ``[tool.trainlint]`` in ``pyproject.toml``, the nearest."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .finding import Severity
from .settings import SELECTOR, Settings, did_you_mean, unknown_selector

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KEYS = ("select", "extend-select", "ignore", "per-file-ignores", "severity", "exclude")
NAMES = ("trainlint.toml", "pyproject.toml")
"""The files that may hold settings; of two in one folder the first wins."""

_SELECTORS = "a list of codes, prefixes or rule names"


class ConfigurationError(Exception):
    """One sentence about unusable settings; `line` is the 1-based line to blame, if there is one."""

    def __init__(self, path: Path, line: int | None, message: str) -> None:
        place = f"{path}:{line}" if line else f"{path}"
        super().__init__(f"{place}: {message}")
        self.path = path
        self.line = line
        self.message = message


class Configuration:
    """Settings by folder, each file read once.

    `rules` (name by code) are what selectors may pick; None leaves that open.
    `fixed` settings take the place of every file; `adjust` is applied to whatever was found.
    """

    def __init__(
        self,
        rules: Mapping[str, str] | None = None,
        fixed: Settings | None = None,
        adjust: Callable[[Settings], Settings] = lambda settings: settings,
    ) -> None:
        self._rules = rules
        self._fixed = adjust(fixed) if fixed is not None else None
        self._adjust = adjust
        self._files: dict[Path, Path | None] = {}
        self._settings: dict[Path | None, Settings] = {}

    def for_folder(self, folder: Path) -> Settings:
        """Settings for the files that lie directly in the absolute `folder`. Raises `ConfigurationError`."""
        if self._fixed is not None:
            return self._fixed
        file = self.file_for(folder)
        if file not in self._settings:
            found = load(file, self._rules) if file else Settings()
            self._settings[file] = self._adjust(found)
        return self._settings[file]

    def origin(self, folder: Path) -> str:
        """Where the settings of the absolute `folder` come from, for the user."""
        if self._fixed is not None:
            return "the command line"
        return str(self.file_for(folder) or "the defaults")

    def file_for(self, folder: Path) -> Path | None:
        """The file that governs the absolute `folder`: in it, or in the nearest folder above it."""
        if folder not in self._files:
            own = next((folder / name for name in NAMES if _holds_settings(folder / name)), None)
            above = folder.parent
            self._files[folder] = own or (self.file_for(above) if above != folder else None)
        return self._files[folder]


def load(path: Path, rules: Mapping[str, str] | None = None, root: Path | None = None) -> Settings:
    """The settings that `path` holds; its patterns count from `root`, or from its own folder.

    Raises `ConfigurationError` for a file that cannot be read, an unknown key, a value of the wrong type and,
    where `rules` are given, a selector that picks none of them.
    """
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        raise ConfigurationError(path, int(found[1]) if found else None, f"not valid TOML: {error}") from None
    if path.name == "pyproject.toml":
        tool = data.get("tool", {})
        if not isinstance(tool, dict) or "trainlint" not in tool:
            raise ConfigurationError(path, None, "there is no [tool.trainlint] table in it")
        data = tool["trainlint"]
    return _Table(path, text, rules).settings(data, (root or path.parent).absolute())


class _Table:
    """The settings table of one file, and where in its text a complaint belongs."""

    def __init__(self, path: Path, text: str, rules: Mapping[str, str] | None) -> None:
        self.path = path
        self.lines = text.splitlines()
        self.rules = rules

    def settings(self, data: object, root: Path) -> Settings:
        if not isinstance(data, dict):
            raise self.error("trainlint", f'"trainlint" takes a table, not {_kind(data)}')
        for key in data:
            if key not in KEYS:
                raise self.error(key, f'unknown key "{key}"{did_you_mean(key, KEYS) or _known()}')
        default = Settings()
        return Settings(
            select=self.selectors(data, "select", default.select),
            extend_select=self.selectors(data, "extend-select"),
            ignore=self.selectors(data, "ignore"),
            severity={
                self.selector(selector): self.severity(selector, value)
                for selector, value in self.table(data, "severity", "a table of severities by code").items()
            },
            per_file_ignores=self.per_file_ignores(data),
            exclude=self.strings(data, "exclude", "a list of patterns"),
            root=root,
        )

    def selectors(self, data: Mapping[str, Any], key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        if key not in data:
            return default
        return tuple(self.selector(value) for value in self.strings(data, key, _SELECTORS))

    def selector(self, value: str) -> str:
        if self.rules is not None:
            sentence = unknown_selector([value], self.rules)
            if sentence:
                raise self.error(value, sentence)
        elif not SELECTOR.fullmatch(value):
            raise self.error(value, f'"{value}" is no code (TRN101), prefix (TRN1) or rule name')
        return value

    def per_file_ignores(self, data: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        ignores = self.table(data, "per-file-ignores", f"a table of patterns, each with {_SELECTORS}")
        return tuple((pattern, self.selectors(ignores, pattern)) for pattern in ignores)

    def severity(self, selector: str, value: object) -> Severity:
        words = [severity.value for severity in Severity]
        if value not in words:
            hint = did_you_mean(str(value), words) or f": it takes one of {', '.join(words)}"
            raise self.error(selector, f'"{value}" is not a severity{hint}')
        return Severity(value)

    def strings(self, data: Mapping[str, Any], key: str, takes: str) -> tuple[str, ...]:
        value = data.get(key, [])
        if not isinstance(value, list):
            raise self.error(key, f'"{key}" takes {takes}, not {_kind(value)}')
        for item in value:
            if not isinstance(item, str):
                raise self.error(key, f'"{key}" takes {takes}, but {item!r} in it is {_kind(item)}')
        return tuple(value)

    def table(self, data: Mapping[str, Any], key: str, takes: str) -> dict[str, Any]:
        value = data.get(key, {})
        if not isinstance(value, dict):
            raise self.error(key, f'"{key}" takes {takes}, not {_kind(value)}')
        return value

    def error(self, word: str, message: str) -> ConfigurationError:
        return ConfigurationError(self.path, self.line_of(word), message)

    def line_of(self, word: str) -> int | None:
        """The first line of the settings table that holds `word`."""
        inside = self.path.name != "pyproject.toml"
        whole = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
        for number, line in enumerate(self.lines, start=1):
            if self.path.name == "pyproject.toml" and re.match(r"\s*\[", line):
                inside = bool(re.match(r"\s*\[+\s*tool\s*(\.\s*trainlint\b|\]\s*$)", line))
            if (inside or "trainlint" in line) and whole.search(line):
                return number
        return None


def _holds_settings(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.name != "pyproject.toml":
        return True
    text = _read(path)
    if "trainlint" not in text:
        return False
    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError:
        return True
    return isinstance(tool, dict) and "trainlint" in tool


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ConfigurationError(path, None, f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigurationError(path, line, "not valid TOML: the text is not UTF-8") from None


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "a truth value"
    names = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def _known() -> str:
    return f": it is none of {', '.join(KEYS)}"
