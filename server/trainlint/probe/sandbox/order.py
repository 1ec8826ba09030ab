"""What the supervisor is asked to run, as it travels to it, and what runs then."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from .level import Level
from .limits import Limits


@dataclass(frozen=True)
class Order:
    """`base` is the directory that scratches are made in; `wanted` are paths the command will probably
    write to.
    """

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    level: Level
    base: str
    scratch_in_memory: bool
    limits: Limits
    network: bool
    pass_fds: tuple[int, ...]
    wanted: tuple[str, ...]

    def to_json(self) -> str:
        return json.dumps({**asdict(self), "level": self.level.value})

    @staticmethod
    def from_json(text: str) -> Order:
        fields = json.loads(text)
        for name in ("argv", "pass_fds", "wanted"):
            fields[name] = tuple(fields[name])
        fields["level"] = Level(fields["level"])
        fields["limits"] = Limits(**fields["limits"])
        return Order(**fields)

    def release_descriptors(self) -> None:
        """Let go of the command's descriptors, so that whoever reads them sees their end when the command
        ends.
        """
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2, *self.pass_fds):
            os.dup2(null, number)
        os.close(null)


@dataclass(frozen=True)
class Entered:
    """A command that runs. `child` is the supervisor's own child, which ends when the command has ended;
    `inside` is a process that sees what the command sees, by its number out here. `news` is where a level
    that forks stages reports; None when `child` is the command itself.
    """

    child: int
    inside: int
    news: int | None
    read_only: tuple[str, ...] = ()

    def returncode(self, status: int | None) -> int | None:
        """As in `subprocess`: negative for a signal. `status` is how `child` ended; None
        when nobody knows.
        """
        if self.news is None:
            return status
        with os.fdopen(self.news, encoding="utf-8") as lines:
            for line in lines:
                message = json.loads(line)
                if "returncode" in message:
                    return int(message["returncode"])
        return -9 if status is None else status
