"""Runs a command so that nothing it does lasts: files, processes, network. See `promise` for what each
level keeps.
"""

from __future__ import annotations

from .level import Level
from .limits import Limits
from .plan import LevelUnavailable, Plan, choose
from .process import Sandboxed, SandboxError

__all__ = ["Level", "LevelUnavailable", "Limits", "Plan", "SandboxError", "Sandboxed", "choose"]
