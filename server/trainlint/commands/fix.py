"""``trainlint fix``: the fixes of one file, shown, tried out where that is asked for, and written on consent."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..cancel import CancelFlag
from ..discovery import Source, Target, discover, read, source_of
from ..finding import FileStatus
from ..fixes.apply import Fixed
from ..fixes.rewrite import NotWrittenError, encode, rewrite, unified_diff
from ..probe.client import ProbeError, Request, probe
from ..probe.command import add_common, add_limits, consents, interrupt_cancels, request_of, shown
from ..probe.comparison import compare, render
from ..probe.sandbox import Level, LevelUnavailable, choose
from ..settings import Settings
from .check import STDIN, configuration_of
from .console import CLEAN, FAILED, FOUND, Console, UsageError, standard_input
from .examine import propose

_EPILOG = """\
Exit status: 0 written, or nothing to fix; 1 nothing was written; 2 bad usage or a failure of trainlint itself.
"""


def add_fix_parser(commands: Any) -> None:
    """Describe ``fix`` to an `argparse` parser's subparsers."""
    parser = commands.add_parser(
        "fix",
        help="show the fixes of a file, try them in the sandbox, and write them",
        usage="trainlint fix [OPTIONS] FILE [-- ARGS]",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("script", metavar="FILE", help="the file, or - for standard input; its arguments for --verify after --")
    parser.add_argument("--stdin-filename", metavar="PATH", help="where what comes from standard input is kept, or will be")
    parser.add_argument("--verify", action="store_true", help="run one training step before and after, and compare what learns")
    parser.add_argument("--safe", action="store_true", help="only the fixes that keep what the program does")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_common(parser)
    add_limits(parser)
    parser.set_defaults(select=[], ignore=[], extend_select=[], isolated=False, config=None, no_sandbox=False, sandbox_level=None)


def fix_command(args: argparse.Namespace, console: Console) -> int:
    """Run ``trainlint fix``; returns the exit status. Raises `UsageError` and `ConfigurationError`."""
    if args.script == STDIN:
        return _fix_stdin(args, console)
    request = request_of(args, None)
    target = next((one for one in discover([args.script], configuration_of(args)) if isinstance(one, Target)), None)
    if target is None:
        raise UsageError(f"{args.script} is no Python file that is checked: see --show-files of trainlint check")
    source = read(target.path)
    if isinstance(source, FileStatus):
        raise UsageError(f"{target.path} cannot be read: {source.reason}")
    fixed = _proposed(source, target.settings, args, console, target.top)
    if not fixed.applied:
        return CLEAN
    new = encode(fixed.text, source.encoding, source.data, source.document.text)
    console.write_bytes(console.palette.paint_diff(unified_diff(target.path, source.data, new)))
    console.out.flush()
    if args.verify:
        console.out.write("\n" + _verified(request, fixed.text, args, console))
        console.out.flush()
    if not args.yes and not _asked(console):
        return FOUND
    try:
        rewrite(target.path, source.data, new)
    except NotWrittenError as error:
        console.note(f"{target.path}: not written: {error}")
        return FAILED
    return CLEAN


def _proposed(source: Source, settings: Settings, args: argparse.Namespace, console: Console, top: str = "") -> Fixed:
    """The fixes that can be made of `source`; why others cannot is told."""
    fixed = propose(source, settings, not args.safe, top)
    for refused in fixed.refused:
        place = refused.finding.span.start.line
        console.note(f"{source.document.path}:{place}: {refused.finding.code} stays: {refused.reason.value}")
    if not fixed.applied:
        console.note("nothing to fix")
    return fixed


def _fix_stdin(args: argparse.Namespace, console: Console) -> int:
    """The text of an editor, or of another program: shown, tried in the place of its file, and printed where `--yes` says so."""
    name = args.stdin_filename or "<stdin>"
    data = standard_input()
    source = source_of(name, data)
    if isinstance(source, FileStatus):
        raise UsageError(f"{name} cannot be read: {source.reason}")
    if args.verify and args.stdin_filename is None:
        raise UsageError("--verify runs the text as a file of its folder: say which with --stdin-filename")
    fixed = _proposed(source, configuration_of(args).for_folder(Path(os.path.abspath(name)).parent), args, console)
    new = encode(fixed.text, source.encoding, data, source.document.text) if fixed.applied else data
    told = console.palette.paint_diff(unified_diff(name, data, new)).decode(errors="replace")
    if args.verify and fixed.applied:
        request = replace(request_of(args, None, name), text=source.document.text)
        told += "\n" + _verified(request, fixed.text, args, console)
    if args.yes:
        console.err.write(told)
        console.write_bytes(new)
        return CLEAN
    console.out.write(told)
    return FOUND if fixed.applied else CLEAN


def _verified(request: Request, text: str, args: argparse.Namespace, console: Console) -> str:
    """Both texts of the script probed, and the difference in words. Raises `UsageError`."""
    try:
        plan = choose(None, network=args.network, cwd=args.cwd or os.getcwd())
    except LevelUnavailable as error:
        raise UsageError(str(error)) from error
    if plan.level in (Level.NONE, Level.REDIRECT) and not args.yes and not consents(plan, request, console):
        raise UsageError("not verified, and nothing was written")
    flag = CancelFlag()
    try:
        with interrupt_cancels(flag), shown(console) as progress:
            before = probe(request, progress, flag)
            after = probe(replace(request, text=text), progress, flag)
    except ProbeError as error:
        raise UsageError(str(error)) from error
    return render(compare(before, after), console.palette)


def _asked(console: Console) -> bool:
    if not sys.stdin or not sys.stdin.isatty():
        console.note("nothing was written: nobody is there to agree (say --yes)")
        return False
    console.err.write("Write it? [y/N] ")
    console.err.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
