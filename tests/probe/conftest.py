"""Comparisons in helper modules show what differs, as those in tests do."""

import pytest

pytest.register_assert_rewrite("tests.probe.expectations")
