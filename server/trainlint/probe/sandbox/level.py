"""The levels of protection, best first."""

from __future__ import annotations

from enum import Enum


class Level(Enum):
    NAMESPACES = "namespaces"
    FENCE = "fence"
    REDIRECT = "redirect"
    NONE = "none"
