"""What a child gets from its Python parent: the redirection, and the written copies of files that its
arguments name.
"""

from __future__ import annotations

import os
from typing import Any

from .imports import after_import
from .raw import raw
from .standin import StandIn
from .union import Union

_PATH = "PYTHONPATH"
_LONGEST_NAME = 4096


class Children:
    def __init__(self, union: Union, mark: str) -> None:
        self._union = union
        self._kept = {name: value for name, value in os.environ.items() if name.startswith(mark)}
        self._inside = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

    def install(self) -> None:
        after_import("_posixsubprocess", self._patch_start)
        for name in ("execv", "execve"):
            if hasattr(os, name):
                setattr(os, name, StandIn(getattr(self, "_" + name), getattr(raw, name)))
        if os.name == "posix":
            os.system = StandIn(self._system, raw.system)

    def _patch_start(self, module: Any) -> None:
        original = module.fork_exec

        def fork_exec(arguments: Any, programs: Any, close: Any, keep: Any, cwd: Any, env: Any, *rest: Any) -> Any:
            return original(
                [self._written(argument) for argument in arguments],
                tuple(self._written(program) for program in programs),
                close,
                keep,
                cwd if cwd is None else self._union.seen(cwd),
                self._environment(env),
                *rest,
            )

        module.fork_exec = StandIn(fork_exec, original)

    def _execv(self, path: Any, argv: Any) -> None:
        self._execve(path, argv, os.environ)

    def _execve(self, path: Any, argv: Any, env: Any) -> None:
        program = path if isinstance(path, int) else self._written(path)
        raw.execve(program, [self._written(argument) for argument in argv], self._completed(dict(env)))

    def _system(self, command: Any) -> int:
        path = os.environ.get(_PATH)
        raw.putenv(_PATH, self._with_inside(path or ""))
        try:
            return int(raw.system(command))
        finally:
            if path is None:
                raw.unsetenv(_PATH)
            else:
                raw.putenv(_PATH, path)

    def _environment(self, env: Any) -> Any:
        """A list of assignments as the system takes it; None stands for our own environment."""
        if env is None:
            current = os.environ.get(_PATH, "")
            if self._with_inside(current) == current:
                return None
            given = dict(os.environ)
        else:
            pairs = [os.fsdecode(assignment).split("=", 1) for assignment in env]
            given = {pair[0]: pair[-1] for pair in pairs}
        return [os.fsencode(f"{name}={value}") for name, value in self._completed(given).items()]

    def _completed(self, env: dict[Any, Any]) -> dict[str, str]:
        given = {os.fsdecode(name): os.fsdecode(value) for name, value in env.items()}
        return {**given, **self._kept, _PATH: self._with_inside(given.get(_PATH, ""))}

    def _with_inside(self, path: str) -> str:
        entries = [entry for entry in path.split(os.pathsep) if entry]
        return path if self._inside in entries else os.pathsep.join([self._inside, *entries])

    def _written(self, argument: Any) -> Any:
        """The copy in scratch if the argument names a file or directory that was written there."""
        text = os.fsdecode(argument)
        if not text or len(text) > _LONGEST_NAME or "\0" in text or self._union.is_untouched():
            return argument
        place = self._union.resolved(text)
        if self._union.is_passed(place) or self._union.is_only_mirrored(place):
            return argument
        upper = self._union.upper(place)
        if not raw.exists(upper):
            return argument
        return os.fsencode(upper) if isinstance(argument, bytes) else upper
