"""``trainlint probe`` and ``trainlint watch``: their options, what they ask, and how they end."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

from ..cancel import CancelFlag
from ..commands.console import CLEAN, FAILED, FOUND, Console, UsageError
from .client import ProbeError, Request, probe
from .protocol import BACKWARDS, Progress
from .report import render_json, render_text
from .sandbox import Level, LevelUnavailable, Plan, choose
from .status import Verdict
from .verdict import ProbeReport
from .watching import watch

_EPILOG = """\
Exit status: 0 learning, 1 partly or not learning, 2 not reached, failed or bad usage.
"""

_LEVELS = {level.value: level for level in (Level.NAMESPACES, Level.FENCE, Level.REDIRECT)}

_STATUS = {
    Verdict.LEARNING: CLEAN,
    Verdict.PARTLY: FOUND,
    Verdict.NOT_LEARNING: FOUND,
    Verdict.UNREACHED: FAILED,
    Verdict.FAILED: FAILED,
}


def split_arguments(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is trainlint's and what, after the first ``--``, is the script's."""
    words = list(argv)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def add_probe_parser(commands: Any) -> None:
    """Describe ``probe`` to an `argparse` parser's subparsers."""
    parser = commands.add_parser(
        "probe",
        help="run a training script in a sandbox until it is known which weights learn",
        usage="trainlint probe [OPTIONS] SCRIPT [-- ARGS]",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("script", nargs="?", metavar="SCRIPT", help="the training script; its arguments after --")
    add_common(parser)
    add_limits(parser)
    parser.add_argument("--sandbox-level", choices=sorted(_LEVELS), help="this level of the sandbox and no other")
    parser.add_argument("--show-sandbox", action="store_true", help="tell which level works here, and why")
    parser.add_argument("--no-sandbox", action="store_true", help="run it unprotected")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def add_watch_parser(commands: Any) -> None:
    """Describe ``watch`` to an `argparse` parser's subparsers."""
    parser = commands.add_parser(
        "watch",
        help="run a training script as it is and report on its first steps",
        usage="trainlint watch [OPTIONS] SCRIPT [-- ARGS]",
        epilog=f"{_EPILOG}A script that fails decides the status itself.",
        allow_abbrev=False,
    )
    parser.add_argument("script", metavar="SCRIPT", help="the training script; its arguments after --")
    add_common(parser)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """What a script in the sandbox may use."""
    parser.add_argument("--device", choices=("cpu",), help="stand in for every accelerator with the CPU")
    parser.add_argument("--network", action="store_true", help="allow the network beyond this machine")
    parser.add_argument("--timeout", type=_positive, default=60.0, metavar="S", help="seconds for the script (default: 60)")
    parser.add_argument("--memory", type=_count, metavar="MB", help="memory for all its processes (default: no limit)")
    parser.add_argument("--scratch", type=_count, default=2048, metavar="MB", help="what it may write (default: 2048)")


def add_common(parser: argparse.ArgumentParser) -> None:
    """How a script is run."""
    parser.add_argument("--python", default=sys.executable, metavar="INTERPRETER", help="the interpreter that has torch")
    parser.add_argument("--cwd", metavar="DIR", help="the script's working directory (default: this one)")
    parser.add_argument(
        "--backwards",
        type=_count,
        default=BACKWARDS,
        metavar="N",
        help=f"backward passes to wait for a step, as for long accumulation (default: {BACKWARDS})",
    )
    parser.add_argument("--output-format", choices=("text", "json"), default="text")
    parser.set_defaults(arguments=[])


def probe_command(args: argparse.Namespace, console: Console) -> int:
    """Run ``trainlint probe`` and return its exit status; `args.arguments` are the script's own."""
    forced = Level.NONE if args.no_sandbox else _LEVELS.get(args.sandbox_level or "")
    try:
        plan = choose(forced, network=args.network, cwd=args.cwd or os.getcwd())
    except LevelUnavailable as error:
        raise UsageError(f"{error}; without any protection: --no-sandbox") from error
    if args.show_sandbox:
        console.out.write(f"level: {plan.level.value}\nwhy: {plan.reason}\n{plan.promise}\n")
        return CLEAN
    request = request_of(args, forced)
    if plan.level in (Level.NONE, Level.REDIRECT) and not args.yes and not consents(plan, request, console):
        return FAILED
    flag = CancelFlag()
    try:
        with interrupt_cancels(flag), shown(console) as progress:
            report = probe(request, progress, flag)
    except ProbeError as error:
        raise UsageError(str(error)) from error
    console.out.write(_rendered(report, args.output_format, console))
    return _STATUS[report.verdict]


def watch_command(args: argparse.Namespace, console: Console) -> int:
    """Run ``trainlint watch``: the report goes to standard error, standard output is the script's."""

    def tell(report: ProbeReport) -> None:
        console.err.write(_rendered(report, args.output_format, console))
        console.err.flush()

    try:
        status, report = watch(request_of(args, None), tell)
    except ProbeError as error:
        raise UsageError(str(error)) from error
    if status:
        return status if status > 0 else 128 - status
    return _STATUS[report.verdict] if report is not None else FAILED


def request_of(args: argparse.Namespace, level: Level | None, script: str | None = None) -> Request:
    """The request that the options of a command make, for a text under the name `script` where that is given.

    Raises `UsageError`.
    """
    if not args.script:
        raise UsageError("which script? trainlint probe SCRIPT [-- ARGS]")
    if script is None:
        runnable(args.script)
    if args.cwd is not None and not os.path.isdir(args.cwd):
        raise UsageError(f"there is no folder {args.cwd}")
    request = Request(
        script=script or args.script,
        arguments=tuple(args.arguments),
        python=args.python,
        cwd=args.cwd,
        backwards=args.backwards,
    )
    if args.command == "watch":
        return request
    return replace(
        request,
        device=args.device,
        network=args.network,
        wall_s=args.timeout,
        memory_mb=args.memory,
        scratch_mb=args.scratch,
        level=level,
    )


def runnable(script: str) -> None:
    """Raises `UsageError` where there is no script of that name."""
    if not os.path.isfile(script):
        raise UsageError(f"there is no file {script}")
    if script.endswith(".ipynb"):
        raise UsageError(f"{script} is a notebook: export it with `jupyter nbconvert --to script`, and probe that")


def _rendered(report: ProbeReport, form: str, console: Console) -> str:
    return render_json(report) if form == "json" else render_text(report, console.palette)


def consents(plan: Plan, request: Request, console: Console) -> bool:
    """Ask before something runs that is not fully covered. Raises `UsageError` where nobody can answer."""
    console.note(f"this runs {request.script} with {request.python}. {plan.promise}")
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError("nobody is there to agree: say --yes, or use the sandbox")
    console.err.write("Run it? [y/N] ")
    console.err.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextmanager
def interrupt_cancels(flag: CancelFlag) -> Iterator[None]:
    """The first interrupt asks for what was seen so far; a second one interrupts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def cancel(number: int, frame: FrameType | None) -> None:
        flag.cancel()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, cancel)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def shown(console: Console) -> Iterator[Any]:
    """Show how far the script is on one line of a terminal, and wipe it out again."""
    if not console.err.isatty():
        yield None
        return

    def show(event: Progress) -> None:
        console.err.write(f"\r\x1b[Kprobing: {event.kind} {event.count} after {event.at_s:.0f} s")
        console.err.flush()

    try:
        yield show
    finally:
        console.err.write("\r\x1b[K")
        console.err.flush()


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no positive number")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no positive whole number")
    return int(text)
