"""How much time, memory and disk a sandboxed command may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """`wall_s` is seconds from the start of the command. `memory_mb` is what all its processes hold
    together (pages they share are counted once), None for no limit. `scratch_mb` is what they may write.
    """

    wall_s: float = 60
    memory_mb: int | None = None
    scratch_mb: int = 2048
