"""``trainlint explain FILE:LINE``: what the analysis sees at a line, and where it lost sight."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from ..configuration import Configuration
from ..discovery import read, roots_of
from ..finding import FileStatus
from ..source.workspace import Workspace
from .console import CLEAN, Console, UsageError


def explain_command(args: argparse.Namespace, console: Console) -> int:
    """Run ``trainlint explain``; returns the exit status. Raises `UsageError`."""
    path, line = _place(args.place)
    source = read(path)
    if isinstance(source, FileStatus):
        raise UsageError(f"{path}: {source.reason}")
    last = source.document.source.line_count
    if not 1 <= line <= last:
        raise UsageError(f"{path} has the lines 1 to {last}")
    from ..engine import explain

    settings = Configuration().for_folder(Path(os.path.abspath(path)).parent)
    workspace = Workspace({os.path.abspath(path): source.document}, roots_of(path))
    told = explain(source.document, line, workspace, settings.for_file(path))
    console.out.write(told.rstrip("\n") + "\n")
    return CLEAN


def _place(text: str) -> tuple[str, int]:
    """A path and a line from ``FILE:LINE``; the column that editors add is read over."""
    found = re.fullmatch(r"(.+?):([0-9]+)(?::[0-9]+)?", text)
    if not found:
        raise UsageError(f'"{text}" is not of the form FILE:LINE')
    return found[1], int(found[2])
