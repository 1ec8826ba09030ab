"""trainlint says, while training code is being typed, why its weights will not learn."""

from __future__ import annotations

# `typing` is not imported here: this runs before `__main__` has taken the workspace off the import path.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .probe.testing import assert_learns

__version__ = "0.1.0"

__all__ = ["__version__", "assert_learns"]


def __getattr__(name: str) -> Any:
    """`assert_learns` is looked up when it is asked for: importing trainlint must stay quick and free of
    torch.
    """
    if name == "assert_learns":
        from .probe.testing import assert_learns

        return assert_learns
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
