"""A flag that asks running analysis to stop at its next phase."""

from __future__ import annotations

from threading import Event


class Cancelled(Exception):
    """The analysis was asked to stop; its result must not be shown."""


class CancelFlag:
    def __init__(self) -> None:
        self._event = Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` once `cancel` was called."""
        if self._event.is_set():
            raise Cancelled
