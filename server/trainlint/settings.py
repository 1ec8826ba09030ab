"""What the user chose: which rules run and how loud they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .finding import Severity


@dataclass(frozen=True)
class Settings:
    """Codes in `select`, `ignore` and `severity` are full codes, prefixes (``TRN1``) or names (``missing-step``)."""

    select: tuple[str, ...] = ("TRN",)
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict)
