"""One table per library: which name means what to training. Data, no control flow."""

from .table import TABLES, Framework, Meaning, RateRange

__all__ = ["TABLES", "Framework", "Meaning", "RateRange"]
