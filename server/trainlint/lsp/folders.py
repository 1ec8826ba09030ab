"""Which settings hold for a document: the editor's, by folder, over those of the project's files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lsprotocol import types

from ..configuration import Configuration, ConfigurationError
from ..discovery import LEFT_OUT
from ..settings import Settings
from ..source.document import MAX_BYTES, MAX_LINES, Document
from .convert import path_of
from .options import Options, read

LIBRARIES = frozenset({"site-packages", "dist-packages"})

INVALID_SETTING = "TRN091"


@dataclass(frozen=True)
class Problem:
    """A setting that is not usable, and the file and line to blame where it stands in a file."""

    message: str
    path: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        if self.path is None:
            return self.message
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


class Folders:
    """The folders of one editor, and the settings of what lies in them."""

    def __init__(
        self,
        rules: Mapping[str, str] | None,
        complain: Callable[[Problem], None],
        mended: Callable[[Problem], None],
    ) -> None:
        """`rules` (name by code) are what configuration files may select; None leaves that open.

        `complain` is told of each problem once, `mended` when one that stood in a file is gone.
        """
        self._rules = rules
        self._complain = complain
        self._mended = mended
        self._broken: dict[Path, Problem] = {}
        self._paths: dict[str, Path | None] = {}
        self._initial = Options()
        self._options: dict[str | None, Options] = {}
        self._configuration = Configuration(rules)

    @property
    def uris(self) -> list[str]:
        return list(self._paths)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(str(path) for path in self._paths.values() if path)

    @property
    def first(self) -> str | None:
        """The path of the first folder, where documents that lie nowhere belong."""
        folder = next(iter(self._paths.values()), None)
        return str(folder) if folder else None

    def change(self, added: Iterable[types.WorkspaceFolder], removed: Iterable[types.WorkspaceFolder]) -> None:
        for folder in removed:
            self._paths.pop(folder.uri, None)
        for folder in added:
            path = path_of(folder.uri)
            self._paths[folder.uri] = Path(path) if path else None

    def initialize(self, options: object) -> None:
        """Take the settings that came with ``initialize``; they hold where nothing else is set."""
        self._initial = self._options_from(options, None)

    def configure(self, sent: Mapping[str | None, object]) -> None:
        """Take the editor's settings by folder; those under None hold outside of every folder."""
        self._options = {folder: self._options_from(value, self._initial) for folder, value in sent.items()}

    def reread(self) -> None:
        """Configuration files may have changed."""
        self._configuration = Configuration(self._rules)

    def options_for(self, path: str) -> Options:
        return self._options.get(self._folder_of(path)) or self._options.get(None) or self._initial

    def settings_for(self, path: str) -> Settings:
        """Settings for the document at `path`; an unusable configuration file counts as none."""
        file = Path(path)
        folder = file.parent if file.is_absolute() else self._paths.get(self._folder_of(path) or "")
        return self.options_for(path).over(self._project_settings(folder) if folder else Settings())

    def reason_to_skip(self, document: Document, settings: Settings) -> str | None:
        """Why the document is not analysed, as it is for files that the command line finds in a folder."""
        if not self.options_for(document.path).enable:
            return "trainlint is switched off in the editor's settings"
        if len(document.text) > MAX_BYTES or document.source.line_count > MAX_LINES:
            return f"it is larger than {MAX_BYTES:,} characters or {MAX_LINES:,} lines"
        if self._is_left_out(document.path, settings):
            return "it is left out by the project's settings, or part of a library"
        return None

    def _project_settings(self, folder: Path) -> Settings:
        problem: Problem | None = None
        try:
            settings = self._configuration.for_folder(folder)
        except ConfigurationError as error:
            settings = Settings()
            problem = Problem(error.message, error.path, error.line)
        before = self._broken.pop(folder, None)
        known = set(self._broken.values())
        if before and before != problem and before not in known:
            self._mended(before)
        if problem:
            self._broken[folder] = problem
            if problem != before and problem not in known:
                self._complain(problem)
        return settings

    def _is_left_out(self, path: str, settings: Settings) -> bool:
        file = Path(path)
        if not file.is_absolute():
            return False
        inside = settings.relative(path)
        if settings.exclude and inside is not None:
            from pathspec import GitIgnoreSpec

            said = GitIgnoreSpec.from_lines(settings.exclude).check_file(inside).include
            if said is not None:
                return said
        root = self._paths.get(self._folder_of(path) or "")
        return bool(LEFT_OUT & {*file.relative_to(root).parts} if root else LIBRARIES & {*file.parts})

    def _folder_of(self, path: str) -> str | None:
        """The innermost folder that holds `path`; the first one for a document that is no file."""
        file = Path(path)
        if not file.is_absolute():
            return next(iter(self._paths), None)
        holding = [(len(folder.parts), uri) for uri, folder in self._paths.items() if folder and folder in file.parents]
        return max(holding)[1] if holding else None

    def _options_from(self, sent: object, under: Options | None) -> Options:
        options, problems = read(sent, under)
        for problem in problems:
            self._complain(Problem(problem))
        return options
