"""Harms that a script can do, one function each."""

from . import files, libraries, native, reaching
from .registry import LIBRARIES, NATIVE, PYTHON, SHELL

__all__ = ["LIBRARIES", "NATIVE", "PYTHON", "SHELL", "files", "libraries", "native", "reaching"]
