"""What every test relies on."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    # A shell that runs the tests in the background has them ignore interrupts, and what they start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
