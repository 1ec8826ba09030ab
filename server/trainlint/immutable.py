"""Decorators for small classes of which an analysis builds thousands.

They are data classes with slots whose attributes are set once: type checkers see to that. Nothing forbids it at run time, since
an object that does forbid it takes three times as long to build.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

Class = TypeVar("Class")

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def value_class(cls: type[Class]) -> type[Class]:
        """Objects that are equal where all they hold is equal."""

    @dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
    def record_class(cls: type[Class]) -> type[Class]:
        """Objects each of which is equal to itself alone."""
else:
    value_class = dataclass(slots=True, unsafe_hash=True)
    record_class = dataclass(slots=True, eq=False)
